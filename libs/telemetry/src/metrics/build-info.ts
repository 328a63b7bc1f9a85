// Which program this is, as a constant gauge that dashboards join with.
import { Gauge, type Registry } from 'prom-client';

export function createBuildInfo(registry: Registry, version: string): Gauge<'version' | 'node'> {
  const buildInfo = new Gauge({
    name: 'cistern_build_info',
    help: 'Always 1; the version of Cistern and of Node are labels.',
    labelNames: ['version', 'node'],
    registers: [registry],
  });
  buildInfo.set({ version, node: process.versions.node }, 1);
  return buildInfo;
}
