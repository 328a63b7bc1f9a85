// `{ "repository": "team/app", "tag": "v1" }`, or `tags` with several.
import { isText, type ReadPushed, valueAt } from './pushed-image.ts';

export const readGeneric: ReadPushed = (body) => {
  const [repository, tag, tags] = [valueAt(body, 'repository'), valueAt(body, 'tag'), valueAt(body, 'tags')];
  const all = [...(Array.isArray(tags) ? (tags as unknown[]) : []), ...(tag === undefined ? [] : [tag])];
  if (!isText(repository) || all.length === 0 || !all.every(isText)) return undefined;
  return all.map((one) => ({ repository, tag: one }));
};
