// Sends 100 GB through 1 GiB of spool. The upstream and the store generate the bytes, so the disk holds only the spool.
// `npm test -- big --size=8GiB` uses another size.
import { test } from 'node:test';
import { runLargerThanSpool } from '../src/larger-than-spool.ts';
import { bigSize } from '../src/big-size.ts';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

test('a blob of a hundred times the spool reaches late and slow readers despite a killed worker', async (t) => {
  const size = bigSize(100_000_000_000);
  await runLargerThanSpool(t, {
    size,
    spool: { maxBytes: gibibyte, perFillBytes: gibibyte },
    slow: { bytesPerSecond: 1_000_000, leavesAfterBytes: Math.min(2 * gibibyte, Math.floor(size / 10)) },
    lateAt: 0.3,
    killAt: 0.6,
  });
});
