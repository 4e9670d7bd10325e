/**
 * The least that our framework can do: a route that reads a body and throws it away. Port as the first word.
 */
import fastify from 'fastify';

const app = fastify({ logger: false, bodyLimit: 32 * 1024 * 1024 });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/discard', async () => ({ done: true }));
await app.listen({ host: '127.0.0.1', port: Number(process.argv[2]) });
