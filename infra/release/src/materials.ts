// The software bill of materials, in the format CycloneDX 1.6. It lists the npm packages that are really in the bundle.
import { join } from 'node:path';
import type { DebianPackage } from './debian-files.ts';
import { run } from './run.ts';

interface Component {
  readonly name: string;
  readonly 'bom-ref': string;
  readonly scope?: string;
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

interface Bom {
  readonly metadata: { readonly tools: { readonly components: readonly Component[] }; readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

/** Software beside npm packages. */
export interface OtherSoftware {
  readonly debian?: readonly DebianPackage[];
  readonly node?: string;
}

/** Returns the list as JSON. `packages` are directories of npm packages below `root`. */
export async function listMaterials(root: string, packages: readonly string[]): Promise<Bom> {
  const args = ['--omit', 'dev', '--workspace', '@cistern/cli', '--flatten-components', '--output-reproducible'];
  const tool = join(root, 'node_modules/@cyclonedx/cyclonedx-npm/bin/cyclonedx-npm-cli.js');
  const bom = JSON.parse(await run(process.execPath, [tool, ...args, '--output-format', 'JSON'], { cwd: root })) as Bom;
  const contained = new Set(packages);
  const components = bom.components
    .filter((component) => !pathOf(component).startsWith('node_modules/') || contained.has(pathOf(component)))
    // A package that is optional for npm is part of the bundle all the same.
    .map(({ scope: _scope, ...component }) => component);
  const kept = new Set([bom.metadata.component, ...components].map((component) => component['bom-ref']));
  return {
    ...bom,
    // The version of npm differs from machine to machine.
    metadata: {
      ...bom.metadata,
      tools: { components: bom.metadata.tools.components.filter(({ name }) => name !== 'npm') },
    },
    components,
    dependencies: bom.dependencies
      .filter(({ ref }) => kept.has(ref))
      .map(({ ref, dependsOn }) => ({
        ref,
        ...(dependsOn && { dependsOn: dependsOn.filter((each) => kept.has(each)) }),
      })),
  };
}

function pathOf({ properties = [] }: Component): string {
  return properties.find(({ name }) => name === 'cdx:npm:package:path')?.value ?? '';
}

/** Returns `bom` with further software as JSON. */
export function describeMaterials(bom: Bom, { debian = [], node }: OtherSoftware): string {
  const others = [
    ...(node === undefined
      ? []
      : [{ type: 'platform', name: 'node', version: node, purl: `pkg:generic/node@${node}` }]),
    ...debian.map(({ name, version, architecture }) => ({
      type: 'library',
      name,
      version,
      purl: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-13`,
    })),
  ].map((component) => ({ ...component, 'bom-ref': component.purl }));
  return `${JSON.stringify({ ...bom, components: [...bom.components, ...others] }, undefined, 2)}\n`;
}

export type { Bom };
