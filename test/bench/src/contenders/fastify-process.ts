// Serves a bare Fastify route on the port of the first argument. The second one is the server that provides the answers.
import { buildBareRoute } from './build-bare-route.ts';

const [port, originUrl = ''] = process.argv.slice(2);
const app = buildBareRoute(originUrl);
process.once('SIGTERM', () => process.exit());
await app.listen({ host: '127.0.0.1', port: Number(port) });
