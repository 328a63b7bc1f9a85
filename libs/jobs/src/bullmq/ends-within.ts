/** Whether it ends, well or badly, before that many milliseconds have passed. */
export async function endsWithin(ending: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), ms);
  try {
    return await Promise.race([promise, Promise.allSettled([ending]).then(() => true)]);
  } finally {
    clearTimeout(timer);
  }
}
