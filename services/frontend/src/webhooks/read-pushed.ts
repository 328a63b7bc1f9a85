// Reads the pushed images from the body of a webhook request, with one function per provider. The functions check only the
// structure of the body.
import type { WebhookProvider } from '@cistern/config';

export interface PushedImage {
  /** The name of the repository at the provider. */
  readonly repository: string;
  readonly tag: string;
}

/** Returns the images of a body, or `undefined` if the body does not have the provider's structure. */
export type ReadPushed = (body: unknown) => readonly PushedImage[] | undefined;

export const readPushed: Readonly<Record<WebhookProvider, ReadPushed>> = {
  'docker-hub': readDockerHub,
  github: readGithub,
  distribution: readDistribution,
  generic: readGeneric,
};

/** https://docs.docker.com/docker-hub/repos/manage/webhooks/: one request for each tag that was pushed. */
function readDockerHub(body: unknown): readonly PushedImage[] | undefined {
  const repository = valueAt(body, 'repository', 'repo_name');
  if (!isText(repository)) return undefined;
  const tag = valueAt(body, 'push_data', 'tag');
  return isText(tag) ? [{ repository, tag }] : [];
}

const imageUrl = /^[^/]+\/(.+?)(?::[^/]*)?$/;

/**
 * https://docs.github.com/webhooks/webhook-events-and-payloads#package, and the event `registry_package`. A version without a
 * tag, such as the image of one platform of an index, is ignored. A package that is not an image is ignored too.
 */
function readGithub(body: unknown): readonly PushedImage[] | undefined {
  // GitHub sends a ping after a webhook is created.
  if (valueAt(body, 'zen') !== undefined) return [];
  const package_ = valueAt(body, 'registry_package') ?? valueAt(body, 'package');
  const action = valueAt(body, 'action');
  if (!isText(action) || typeof package_ !== 'object' || package_ === null) return undefined;
  const tag = valueAt(package_, 'package_version', 'container_metadata', 'tag', 'name');
  if (!['published', 'updated'].includes(action) || !isText(tag)) return [];
  const repository = repositoryOf(package_);
  return repository === undefined ? undefined : [{ repository: repository.toLowerCase(), tag }];
}

/**
 * Reads the repository name from the package URL, such as `ghcr.io/owner/image:tag`. Without a URL, it joins the owner and the
 * name.
 */
function repositoryOf(package_: object): string | undefined {
  const url = valueAt(package_, 'package_version', 'package_url');
  const named = isText(url) ? imageUrl.exec(url)?.[1] : undefined;
  if (named !== undefined) return named;
  const [owner, name] = [valueAt(package_, 'owner', 'login'), valueAt(package_, 'name')];
  return isText(owner) && isText(name) ? `${owner}/${name}` : undefined;
}

/** https://distribution.github.io/distribution/about/notifications/: an envelope of events. Only pushes of tags count. */
function readDistribution(body: unknown): readonly PushedImage[] | undefined {
  const events = valueAt(body, 'events');
  if (!Array.isArray(events)) return undefined;
  return events.flatMap((event: unknown) => {
    const [repository, tag] = [valueAt(event, 'target', 'repository'), valueAt(event, 'target', 'tag')];
    return valueAt(event, 'action') === 'push' && isText(repository) && isText(tag) ? [{ repository, tag }] : [];
  });
}

/** `{ "repository": "team/app", "tag": "v1" }`, or `tags` with several. */
function readGeneric(body: unknown): readonly PushedImage[] | undefined {
  const [repository, tag, tags] = [valueAt(body, 'repository'), valueAt(body, 'tag'), valueAt(body, 'tags')];
  const all = [...(Array.isArray(tags) ? (tags as unknown[]) : []), ...(tag === undefined ? [] : [tag])];
  if (!isText(repository) || all.length === 0 || !all.every(isText)) return undefined;
  return all.map((one) => ({ repository, tag: one }));
}

/** Returns the value at a path of keys, or `undefined`. */
function valueAt(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[key];
  }
  return at;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}
