/** Words with spaces between, where quotes keep spaces: `a "b c"` are two. */
export const splitWords = (text: string): string[] =>
  [...text.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"']+)+/g)].map(([word]) => word.replace(/["']/g, ''));
