// Node's own timers and clocks, as they were before the world replaced them.

export const real = {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
  clearImmediate,
  Date,
  performanceNow: performance.now.bind(performance),
};
