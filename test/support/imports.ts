/**
 * Which file may import what: the picture of src/README.md as rules, checked on the parsed sources.
 */
import { posix } from 'node:path';
import ts from 'typescript';

/** Folders and the single files that are words for all, with what each may import of the others. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/errors.ts': [],
  'src/batch.ts': ['src/errors.ts'],
  'src/from.ts': ['src/errors.ts'],
  'src/protocol': ['words'],
  'src/queue': ['words'],
  'src/client': ['words', 'src/protocol'],
  'src/tokens.ts': ['words', 'src/protocol'],
  'src/server': ['words', 'src/protocol', 'src/queue', 'src/tokens.ts'],
  'src/config': ['words', 'src/protocol', 'src/queue'],
  'src/systemd': ['words'],
  'src/main.ts': ['words', 'src/protocol', 'src/queue', 'src/server', 'src/config', 'src/systemd', 'src/tokens.ts'],
  cli: [
    'words',
    'src/protocol',
    'src/client',
    'src/queue',
    'src/config',
    'src/systemd',
    'src/tokens.ts',
    'src/main.ts',
  ],
};
const WORDS = ['src/errors.ts', 'src/batch.ts', 'src/from.ts'];

/** The only places that may import a library; any other library of package.json may be imported anywhere in src and cli. */
const OWNERS: Readonly<Record<string, RegExp>> = {
  lmdb: /^src\/queue\/environment\.ts$/,
  fastify: /^src\/server\//,
  '@opentelemetry/api': /^src\/server\//,
  'prom-client': /^src\/server\//,
  '@fastify/cors': /^src\/server\//,
  '@fastify/websocket': /^src\/server\//,
  clipanion: /^cli\//,
  'cli-progress': /^cli\//,
  'lru-cache': /^src\/(queue|server)\//,
  ws: /^src\/(server\/|client\/transport-node\.ts)/,
  undici: /^src\/client\/transport-node\.ts$/,
};
/** Node's modules that the words for all, the protocol and the client but for its Node side do not touch: browsers have none. */
const PORTABLE = /^src\/(errors|batch|from)\.ts$|^src\/protocol\/|^src\/client\/(?!transport-node\.ts)/;
const MAIN = /^(src|cli)\/main\.ts$/;
/** Members of `process` that others than main.ts may use, and who. */
const MEMBERS: Readonly<Record<string, RegExp>> = {
  // A clock: nothing that a test would have to change.
  hrtime: /./,
  // The programs hand their words to main.
  argv: /^cli\/rotera(-\w+)?\.ts$/,
  // Whether the one who was making a file is still alive.
  pid: /^src\/queue\/leftovers\.ts$/,
  kill: /^src\/queue\/leftovers\.ts$/,
};

const layerOf = (file: string): string | undefined =>
  Object.keys(MAY_IMPORT).find((layer) => file === layer || file.startsWith(`${layer}/`));

/** Module names of every import, export-from and dynamic import. */
function importsOf(source: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const name =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined;
    if (name !== undefined && ts.isStringLiteral(name)) found.push(name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Members of `process` that are named, such as `env`. */
function processMembers(source: ts.SourceFile): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const owner =
      ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node) ? node.expression : undefined;
    if (owner !== undefined && ts.isIdentifier(owner) && owner.text === 'process') {
      found.push(ts.isPropertyAccessExpression(node) ? node.name.text : node.getText(source));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function forbiddenImport(file: string, name: string): string | undefined {
  if (name.startsWith('node:'))
    return PORTABLE.test(file) ? `${file} imports ${name}: it must run in browsers` : undefined;
  if (!name.startsWith('.')) {
    const owner = OWNERS[name];
    if (owner === undefined) return `${file} imports ${name}: no owner is named for it`;
    return owner.test(file) ? undefined : `${file} imports ${name}, which belongs to ${owner.source}`;
  }
  const target = posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts');
  const from = layerOf(file);
  const to = layerOf(target);
  if (from === undefined || to === undefined) return `${file} imports ${target}: no layer is named for it`;
  const allowed =
    from === to || MAY_IMPORT[from]?.some((layer) => layer === to || (layer === 'words' && WORDS.includes(to)));
  return allowed === true ? undefined : `${file} imports ${target}: ${from} must not know ${to}`;
}

/** Everything that is wrong with a source, by its path from the root of the repository. */
export function forbiddenEdges(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const edges = importsOf(source).flatMap((name) => forbiddenImport(file, name) ?? []);
  for (const member of MAIN.test(file) ? [] : processMembers(source)) {
    if (MEMBERS[member]?.test(file)) continue;
    edges.push(`${file} uses process.${member}: only main.ts may`);
  }
  return edges;
}
