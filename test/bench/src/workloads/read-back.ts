// Measures the cost of verifying stored blobs when they are read. A frontend that has verified nothing yet serves a
// day's warm pulls, and then the same pulls again, for which no check is due.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCistern } from '@cistern/test-servers';
import { cistern } from '../contenders/contenders.ts';
import { watchCpu } from '../load/process-figures.ts';
import { pull } from '../load/pull.ts';
import type { AddedImage } from '../upstream/start-upstream.ts';
import { addTraceImages, dayTrace } from './ci-trace.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
/** The other costs of a blob are small compared with this size. */
const baseBytes = 32 * mebibyte;
const repository = 'library/read-back';
const clientsAtOnce = 4;
const warmUpPulls = 50;
const pullsAnHour = 10;

export const readBack: Workload = {
  name: 'read-back',
  title: "A day's 240 warm pulls of 40 images: with the due checks, and without checks",
  headline: '× of unchecked',
  mode: 'full',
  contenders: [cistern],
  mostRounds: 3,
  async run({ site: { upstream, checkout }, round }) {
    const images = await addTraceImages(upstream, { repository, baseBytes });
    const warmUp = await upstream.addImage(repository, {
      tag: 'warm-up',
      mediaTypes: 'docker',
      layers: [{ size: baseBytes, seed: 'warm-up' }],
    });
    const rootDirectory = await mkdtemp(join(tmpdir(), 'cistern-read-back-'));
    const config = { upstreams: { 'docker.io': { url: upstream.url } } };
    const start = () => startCistern({ config, rootDirectory, product: checkout });
    try {
      const filled = await start();
      // The second read writes the tables of blobs that have none.
      for (let times = 0; times < 2; times += 1) await pullLayers(filled.url, [...images, warmUp], nextAddress);
      await filled.stop();
      const server = await start();
      try {
        const cpuOf = async (pulls: readonly AddedImage[], addressOf: () => string) => {
          const cpu = watchCpu([server.pid]);
          await pullLayers(server.url, pulls, addressOf);
          return cpu.soFar();
        };
        await pullLayers(
          server.url,
          Array.from({ length: warmUpPulls }, () => warmUp),
          nextAddress,
        );
        const day = dayTrace(round).map((image) => images[image]!);
        const address = nextAddress();
        const sums = { due: 0, unchecked: 0, repeated: 0 };
        // Pulls of an hour alternate, so that other load affects all three alike.
        for (let at = 0; at < day.length; at += pullsAnHour) {
          const pulls = day.slice(at, at + pullsAnHour);
          sums.due += await cpuOf(pulls, nextAddress);
          sums.unchecked += await cpuOf(pulls, nextAddress);
          sums.repeated += await cpuOf(pulls, () => address);
        }
        return [
          { name: '× of unchecked', value: sums.due / sums.unchecked, better: 'lower' },
          { name: 'unchecked CPU s/GB', value: sums.unchecked / gigabytesOf(day), better: 'lower' },
          { name: '×, one client for all', value: sums.repeated / sums.unchecked, better: 'lower' },
        ];
      } finally {
        await server.stop();
      }
    } finally {
      await rm(rootDirectory, { recursive: true, force: true });
    }
  },
};

let addresses = 0;

/** Each pull has the address of another client. A repeated pull of one client within a minute would be checked. */
function nextAddress(): string {
  addresses += 1;
  return `127.${1 + (addresses >> 16)}.${(addresses >> 8) & 0xff}.${addresses & 0xff}`;
}

function gigabytesOf(pulls: readonly AddedImage[]): number {
  return pulls.flatMap(({ layers }) => layers).reduce((sum, { size }) => sum + size, 0) / 1e9;
}

async function pullLayers(url: string, pulls: readonly AddedImage[], addressOf: () => string): Promise<void> {
  const left = [...pulls];
  const client = async () => {
    for (let image = left.pop(); image !== undefined; image = left.pop()) {
      const localAddress = addressOf();
      for (const layer of image.layers)
        await pull({ ...layer, localAddress, url: `${url}/v2/${repository}/blobs/${layer.digest}` }, false);
    }
  };
  await Promise.all(Array.from({ length: clientsAtOnce }, client));
}
