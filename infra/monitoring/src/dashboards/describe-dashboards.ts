// Writes the files of infra/grafana/dashboards.
import { dashboardOf } from './dashboard.ts';
import { fills } from './fills.ts';
import { nodes } from './nodes.ts';
import { overview } from './overview.ts';
import { storage } from './storage.ts';
import { upstreams } from './upstreams.ts';

const plans = { overview, upstreams, fills, storage, node: nodes };

/** Returns the dashboards by file name, in the JSON that Grafana imports. */
export function describeDashboards(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(plans).map(([name, plan]) => [
      `${name}.json`,
      `${JSON.stringify(dashboardOf(plan), undefined, 2)}\n`,
    ]),
  );
}
