// Every client whose set-up can be printed, by its name.
import { buildkit } from './buildkit.ts';
import type { ClientSetup } from './client-setup.ts';
import { containerd } from './containerd.ts';
import { docker } from './docker.ts';
import { earthly } from './earthly.ts';
import { k3s } from './k3s.ts';
import { kaniko } from './kaniko.ts';
import { podman } from './podman.ts';

export const clientSetups: Readonly<Record<string, ClientSetup>> = {
  docker,
  containerd,
  buildkit,
  earthly,
  podman,
  k3s,
  kaniko,
};
