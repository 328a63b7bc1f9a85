// Runs a worker in a separate process whose jobs never end, so that a test can kill it.
import { openBullmqWorkers } from '@cistern/jobs/bullmq';
import { completeHandlers } from '@cistern/jobs';
import { jobSlots } from './jobs-on-redis.ts';

const [port, keyPrefix] = process.argv.slice(2);
const log = { info: () => {}, warn: console.error, error: console.error };

await openBullmqWorkers({
  connection: { kind: 'standalone', host: '127.0.0.1', port: Number(port) },
  keyPrefix: keyPrefix!,
  handlers: completeHandlers({
    'revalidate-tag': async ({ tag }) => {
      process.stdout.write(`doing ${tag}\n`);
      return new Promise(() => {});
    },
  }),
  slots: jobSlots,
  log,
});
process.stdout.write('ready\n');
