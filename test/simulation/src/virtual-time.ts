// `node --import …/virtual-time.ts --test …` runs tests on virtual time and in a simulated network. Files are the real
// files of the machine (decision 0050).
import { beginNow } from './world/clock.ts';
import { driveAlways } from './world/drive.ts';
import { countOutsideWork } from './world/outside-work.ts';
import { installWorld, resetWorld } from './world/install.ts';
import { real } from './world/real.ts';

beginNow();
resetWorld(1);
countOutsideWork();
installWorld();
driveAlways();

// A test that ends its process also ends the tests after it, so the process must fail.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  const { exit } = process;
  process.exit = (code) => exit(Number(code ?? process.exitCode ?? 0) || 1);
}

// The limits of tests are virtual, too. Without this real limit, a test that waits for work outside of the world would
// wait forever.
const longestMs = 5 * 60_000;
real
  .setTimeout(() => {
    process.stderr.write(`${process.argv[1] ?? ''} did not end within ${longestMs / 60_000} minutes of real time.\n`);
    process.exit(1);
  }, longestMs)
  .unref();
