// https://distribution.github.io/distribution/about/notifications/: an envelope of events, of which pushes of tags count.
import { isText, type ReadPushed, valueAt } from './pushed-image.ts';

export const readDistribution: ReadPushed = (body) => {
  const events = valueAt(body, 'events');
  if (!Array.isArray(events)) return undefined;
  return events.flatMap((event: unknown) => {
    const [repository, tag] = [valueAt(event, 'target', 'repository'), valueAt(event, 'target', 'tag')];
    return valueAt(event, 'action') === 'push' && isText(repository) && isText(tag) ? [{ repository, tag }] : [];
  });
};
