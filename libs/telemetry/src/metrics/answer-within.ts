// What is asked while the metrics are read must not hide all other metrics when it hangs.

const limitMs = 3000;

/** `undefined` for a rejection, and for an answer that takes longer than three seconds. */
export async function answerWithin<T>(asked: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), limitMs);
  try {
    return await Promise.race([asked, late.promise]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
