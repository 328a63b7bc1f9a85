// Builds the manifests of infra/k8s with kustomize.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureDebianPackages } from '@cistern/test-servers';
import type { IContainer, IPodSpec } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';
import { root } from './read-page.ts';

type Labels = Readonly<Record<string, string>>;
interface Named {
  readonly name: string;
}

export interface Container extends Named {
  readonly args: readonly string[];
  readonly env: readonly (Named & { readonly value?: string })[];
  readonly ports: readonly (Named & { readonly containerPort: number })[];
  readonly volumeMounts: readonly (Named & { readonly mountPath: string })[];
  readonly securityContext: NonNullable<IContainer['securityContext']>;
  readonly lifecycle?: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly [probe: `${string}Probe`]: { readonly httpGet: { readonly path: string; readonly port: string } };
}

interface PodSpec {
  readonly containers: readonly [Container];
  readonly volumes: readonly (Named & {
    readonly configMap?: Named;
    readonly secret?: { readonly secretName: string };
    readonly emptyDir?: { readonly sizeLimit: string };
  })[];
  readonly securityContext: NonNullable<IPodSpec['securityContext']>;
  readonly terminationGracePeriodSeconds: number;
  readonly topologySpreadConstraints?: readonly { readonly labelSelector: { readonly matchLabels: Labels } }[];
}

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Named & { readonly namespace?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly selector: Labels & { readonly matchLabels?: Labels };
    readonly podSelector?: { readonly matchLabels?: Labels };
    readonly scaleTargetRef?: Named & { readonly kind: string };
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    readonly ports: readonly { readonly targetPort: string }[];
    readonly ingress?: readonly {
      readonly from?: unknown;
      readonly ports: readonly { readonly port: string | number }[];
    }[];
    readonly egress?: readonly { readonly to?: readonly unknown[] }[];
  };
}

/** Installs kustomize if it is missing. */
export async function buildManifests(): Promise<readonly Manifest[]> {
  await ensureDebianPackages(['kustomize']);
  const { stdout } = await promisify(execFile)('kustomize', ['build', join(root, 'infra/k8s')]);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}
