// The list of tags with `n` and `last` (OCI distribution specification, "Listing Tags").
import type { Repository } from '../content/content.ts';
import type { Target } from '../target.ts';
import { type Answer, jsonAnswer } from './answer.ts';
import { page } from './page.ts';

export function tagsAnswer(repository: Repository, target: Target, maxPerPage: number): Answer {
  const names = [...repository.tags.keys()].sort();
  const { items, link } = page(names, (name) => name, target, maxPerPage);
  return jsonAnswer({ name: target.repository, tags: items }, link);
}
