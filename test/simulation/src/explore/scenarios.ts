// The scenarios that can be explored, by name.
import { blobScenario, blobsInFiles, blobsOnS3 } from './blob-scenario.ts';
import { manifestScenario } from './manifests/manifest-scenario.ts';
import type { Scenario } from './run-world.ts';

export const scenarios: readonly Scenario[] = [blobScenario, blobsOnS3, blobsInFiles, manifestScenario];

export const scenarioNames = scenarios.map(({ name }) => name);

export function findScenario(name: string): Scenario | undefined {
  return scenarios.find((scenario) => scenario.name === name);
}
