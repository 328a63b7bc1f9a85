// Node's HTTP server. Whoever imports it as a module has the client behind `fetch` loaded with it, which takes 5 MB of every
// process that does.
export const { createServer: createHttpServer } = process.getBuiltinModule('node:http');
