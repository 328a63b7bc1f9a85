// Runs an S3 server on port 9000 until SIGTERM, as the main process of a container (test/product/compose/images).
import { readFile } from 'node:fs/promises';
import { startGateway } from './start-gateway.ts';

const { S3_ACCESS_KEY: accessKey = '', S3_SECRET_KEY_FILE: secretKeyFile = '' } = process.env;
const secretKey = (await readFile(secretKeyFile, 'utf8')).trim();
const s3 = await startGateway({ host: '0.0.0.0', port: 9000, accessKey, secretKey });
// A timer is needed, because neither these child processes nor a signal handler keep the process alive.
// real-time: keeps the process alive until SIGTERM
const alive = setInterval(() => {}, 60_000);
process.once('SIGTERM', () => {
  clearInterval(alive);
  void s3.close();
});
