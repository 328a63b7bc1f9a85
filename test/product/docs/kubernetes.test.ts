// Checks infra/k8s without a cluster: against the types of Kubernetes' API, for consistency, and against the ports and
// settings of the code.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { loadConfig } from '@cistern/config';
import { openDirectory, openStage } from '@cistern/single-node/open-stage';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { until } from '@cistern/runtime/testing';
import { parse } from 'yaml';
import { buildManifests, type Container, type Manifest } from '../src/docs/build-manifests.ts';
import { readPage, root } from '../src/docs/read-page.ts';

const manifests = await buildManifests();
const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);
const deployments = ofKind('Deployment');
const podOf = ({ spec }: Manifest) => ({ labels: spec.template.metadata.labels, ...spec.template.spec });
const pods = deployments.map(podOf);
const containers = pods.map(({ containers: [container] }) => container);
const [configMap] = ofKind('ConfigMap');
const configuration = configMap?.data?.['config.yml'] ?? '';
const secretsDirectory = '/run/secrets/cistern';

test('manifests match the API of Kubernetes: no unknown key, and the right kinds', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-manifests-'));
  t.after(() => rm(directory, { recursive: true }));
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  const lines = manifests.map((manifest) => {
    const { apiVersion, kind } = manifest;
    return `(${JSON.stringify(manifest, undefined, 1)}) satisfies import('kubernetes-models/${apiVersion}').I${kind};`;
  });
  const file = join(directory, 'manifests.ts');
  await writeFile(file, `export {};\n${lines.join('\n')}\n`);
  const options = '--ignoreConfig --noEmit --strict --skipLibCheck --module nodenext --target esnext'.split(' ');
  const check = promisify(execFile)(join(root, 'node_modules/.bin/tsc'), [...options, '--types', '', file]);
  const errors = await check.then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
  assert.equal(errors, '');
});

test('selectors match existing pods', () => {
  const selectors = [
    ...ofKind('Service').map(({ spec }) => spec.selector),
    ...[...ofKind('PodDisruptionBudget'), ...deployments].map(({ spec }) => spec.selector.matchLabels ?? {}),
    ...ofKind('NetworkPolicy').map(({ spec }) => spec.podSelector?.matchLabels ?? {}),
    ...pods.flatMap(({ topologySpreadConstraints = [] }) =>
      topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
    ),
  ];
  assert.ok(selectors.length > 10);
  for (const selector of selectors) {
    const wanted = Object.entries(selector);
    assert.ok(
      pods.some(({ labels }) => wanted.every(([name, value]) => labels[name] === value)),
      JSON.stringify(selector),
    );
  }
  for (const { spec } of ofKind('HorizontalPodAutoscaler'))
    assert.ok(deployments.some(({ metadata }) => metadata.name === spec.scaleTargetRef?.name));
  const names = new Set(containers.flatMap(({ ports }) => ports.map(({ name }) => name)));
  for (const { spec } of ofKind('Service')) for (const { targetPort } of spec.ports) assert.ok(names.has(targetPort));
  for (const { spec } of ofKind('NetworkPolicy'))
    for (const { ports } of spec.ingress ?? [])
      for (const { port } of ports) assert.ok(names.has(String(port)), String(port));
});

test('Cistern accepts the configuration, and opens the ports of the manifests', async (t) => {
  const directory = await openDirectory(t);
  const secrets = [...configuration.matchAll(new RegExp(`${secretsDirectory}/([\\w-]+)`, 'g'))].map(
    ([, name]) => name!,
  );
  for (const name of secrets) await writeFile(join(directory, name), 'a-secret-of-thirty-two-characters-or-more');
  const file = join(directory, 'config.yml');
  await writeFile(file, configuration.replaceAll(secretsDirectory, directory));
  const { code, stderr } = await runCistern(['check-config', file]);
  assert.deepEqual([code, stderr], [0, '']);

  const { http, worker, admin } = loadConfig({ path: file, env: {}, defaults: { rootDirectory: directory } });
  const opened: Record<string, number | undefined> = {
    registry: portOf(http.address),
    health: portOf(http.debug.address),
    fills: portOf(worker.address),
    admin: portOf(admin.address),
  };
  for (const { ports } of containers)
    for (const { name, containerPort } of ports) assert.equal(containerPort, opened[name], name);

  // The page has commands that create each secret.
  const { blocks } = readPage('docs/kubernetes.md');
  const commands = blocks.map(({ text }) => text).join('\n');
  for (const name of secrets) assert.ok(commands.includes(`--from-file=secrets/${name}`), name);
});

test('probes match the endpoints of a node, and Cistern knows all commands and variables', async (t) => {
  const { cistern } = await openStage(t);
  for (const container of containers) {
    const probes = (['startup', 'readiness', 'liveness'] as const).map((name) => container[`${name}Probe`]);
    for (const probe of probes) {
      const { httpGet } = probe!;
      assert.equal(httpGet.port, 'health');
      // A node that has just started may not be ready yet, so kubelet tries again.
      await until(async () => (await fetch(cistern.metricsUrl + httpGet.path)).status === 200);
    }
    const help = await runCistern([...container.args, '--help']);
    assert.match(help.stdout, new RegExp(`^Usage: cistern ${container.args[0]} `));
  }
  const variables = containers.flatMap(({ env }) => env.filter(({ name }) => name.startsWith('REGISTRY_')));
  const env = Object.fromEntries(
    variables.map(({ name, value = '' }) => [name, value.replace('$(POD_IP)', '10.0.0.1')]),
  );
  delete env['REGISTRY_CONFIGURATION_PATH'];
  const { code, stderr } = await runCistern(['check-config'], { env });
  assert.deepEqual([code, stderr], [0, '']);
});

test('all mounts have a volume, and all needed volumes are mounted', () => {
  for (const {
    containers: [{ volumeMounts }],
    volumes,
  } of pods) {
    assert.deepEqual(volumeMounts.map(({ name }) => name).toSorted(), volumes.map(({ name }) => name).toSorted());
    const at = (name: string) => volumeMounts.find((mount) => mount.name === name)?.mountPath;
    assert.equal(at('secrets'), secretsDirectory);
    const config = volumes.find((volume) => volume.configMap !== undefined);
    assert.equal(config?.configMap?.name, configMap?.metadata.name);
  }
  const worker = named('worker');
  const { directory, maxbytes } = (parse(configuration) as { worker: { spool: Record<string, string> } }).worker.spool;
  const spool = worker.volumes.find(({ name }) => name === 'spool');
  assert.ok(directory!.startsWith(mountOf(worker.containers[0], 'spool')));
  assert.ok(Number.parseInt(spool!.emptyDir!.sizeLimit, 10) > Number.parseInt(maxbytes!, 10));
});

test('nodes run without root, write only to their volumes, and have enough time to stop', () => {
  const { http } = parse(configuration) as { http: { draintimeout: string } };
  for (const {
    containers: [container],
    securityContext,
    terminationGracePeriodSeconds,
  } of pods) {
    assert.equal(securityContext.runAsNonRoot, true);
    assert.deepEqual(container.securityContext, {
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
    });
    const paused = Number(container.lifecycle?.preStop.exec.command[1] ?? 0);
    assert.ok(terminationGracePeriodSeconds > paused + Number.parseInt(http.draintimeout, 10));
  }
});

test('only workers have unrestricted egress', () => {
  const getOut = ofKind('NetworkPolicy').filter(({ spec }) => spec.egress?.some(({ to }) => to === undefined));
  assert.deepEqual(
    getOut.map(({ metadata }) => metadata.name),
    ['worker'],
  );
  assert.ok(ofKind('NetworkPolicy').some(({ metadata, spec }) => metadata.name === 'all' && spec.egress !== undefined));
});

function named(name: string) {
  return podOf(deployments.find(({ metadata }) => metadata.name === name)!);
}

function mountOf({ volumeMounts }: Container, name: string): string {
  return volumeMounts.find((mount) => mount.name === name)!.mountPath;
}

function portOf(address: { readonly kind?: string; readonly port?: number } | undefined): number | undefined {
  return address?.port;
}
