// https://docs.github.com/webhooks/webhook-events-and-payloads#package, and `registry_package` beside it. A version without a
// tag, such as an image of an index, and a package that is no image tell of nothing.
import { isText, type PushedImage, type ReadPushed, valueAt } from './pushed-image.ts';

const imageUrl = /^[^/]+\/(.+?)(?::[^/]*)?$/;

export const readGithub: ReadPushed = (body) => {
  // GitHub's first request after a webhook has been made.
  if (valueAt(body, 'zen') !== undefined) return [];
  const package_ = valueAt(body, 'registry_package') ?? valueAt(body, 'package');
  const action = valueAt(body, 'action');
  if (!isText(action) || typeof package_ !== 'object' || package_ === null) return undefined;
  const tag = valueAt(package_, 'package_version', 'container_metadata', 'tag', 'name');
  if (!['published', 'updated'].includes(action) || !isText(tag)) return [];
  const repository = repositoryOf(package_);
  return repository === undefined ? undefined : [{ repository: repository.toLowerCase(), tag } satisfies PushedImage];
};

/** The URL says it whole: `ghcr.io/owner/image:tag`. */
function repositoryOf(package_: object): string | undefined {
  const url = valueAt(package_, 'package_version', 'package_url');
  const named = isText(url) ? imageUrl.exec(url)?.[1] : undefined;
  if (named !== undefined) return named;
  const [owner, name] = [valueAt(package_, 'owner', 'login'), valueAt(package_, 'name')];
  return isText(owner) && isText(name) ? `${owner}/${name}` : undefined;
}
