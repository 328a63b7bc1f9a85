// The process of `socketLoad`: it receives a load, runs it and reports the result.
import { type SocketLoad, runSocketLoad } from './run-socket-load.ts';
import type { SocketLoadAnswer } from './socket-load.ts';

const report = (answer: SocketLoadAnswer) => process.send?.(answer);

process.once('message', (load: SocketLoad) => {
  runSocketLoad(load).then(report, (error: unknown) => {
    report({ error: error instanceof Error ? error.message : String(error) });
  });
});
process.once('disconnect', () => process.exit());
