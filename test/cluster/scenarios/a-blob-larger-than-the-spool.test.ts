// Sends a blob of five times the spool, with `kill -9` of the worker that fetches it.
import { test } from 'node:test';
import { runLargerThanSpool } from '../src/larger-than-spool.ts';

const mebibyte = 1024 * 1024;

test('256 MiB through 48 MiB of spool reach late and slow readers despite a killed worker', async (t) => {
  await runLargerThanSpool(t, {
    size: 256 * mebibyte + 12_345,
    spool: { maxBytes: 48 * mebibyte, perFillBytes: 40 * mebibyte },
    slow: { bytesPerSecond: 4 * mebibyte, leavesAfterBytes: 24 * mebibyte },
    lateAt: 0.3,
    killAt: 0.6,
  });
});
