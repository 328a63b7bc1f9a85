// A server that is measured preloads this module. It reports the bytes that V8 has allocated to each connection of an
// abstract socket, which needs no file and ends with the process. It costs nothing between connections.
import { createServer } from 'node:net';
import { getHeapStatistics } from 'node:v8';
import { isMainThread } from 'node:worker_threads';

if (isMainThread)
  createServer((connection) => {
    connection.on('error', () => {});
    connection.end(String(getHeapStatistics().total_allocated_bytes));
  })
    // The launcher and the server that replaces it have the same id, and the launcher's socket ends with it.
    .on('error', () => {})
    .listen(`\0cistern-bench-heap-${process.pid}`)
    .unref();
