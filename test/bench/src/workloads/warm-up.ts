// What is measured warm has been pulled before.

/** Twice: the first answer may come from the fill that brings it. Rejects if there is none. */
export async function warmUp(url: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  for (let pull = 0; pull < 2; pull += 1) {
    const response = await fetch(url, { headers });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    for await (const _ of response.body ?? []);
  }
}
