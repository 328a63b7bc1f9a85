// https://docs.docker.com/docker-hub/repos/manage/webhooks/: one request for each tag that was pushed.
import { isText, type ReadPushed, valueAt } from './pushed-image.ts';

export const readDockerHub: ReadPushed = (body) => {
  const repository = valueAt(body, 'repository', 'repo_name');
  if (!isText(repository)) return undefined;
  const tag = valueAt(body, 'push_data', 'tag');
  return isText(tag) ? [{ repository, tag }] : [];
};
