/** Notes nothing and knows of nothing. */
export const quietAudit = { asked() {}, list: async () => ({ entries: [], before: null }) };
