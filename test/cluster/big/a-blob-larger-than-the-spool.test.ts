// 100 GB through 1 GiB of spool. Upstream and the store generate the bytes, so the disk holds nothing but the spool.
// `npm test -- big --size=8GiB` takes another size.
import { test } from 'node:test';
import { runLargerThanSpool } from '../src/larger-than-spool.ts';
import { bigSize } from '../src/big-size.ts';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

test('a blob a hundred times the spool: late and slow readers get right bytes, and a killed worker costs none', async (t) => {
  const size = bigSize(100_000_000_000);
  await runLargerThanSpool(t, {
    size,
    spool: { maxBytes: gibibyte, perFillBytes: gibibyte },
    slow: { bytesPerSecond: 1_000_000, leavesAfterBytes: Math.min(2 * gibibyte, Math.floor(size / 10)) },
    lateAt: 0.3,
    killAt: 0.6,
  });
});
