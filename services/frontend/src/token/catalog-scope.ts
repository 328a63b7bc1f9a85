/** As registry:2 has it. */
export const catalogScope = 'registry:catalog:*';
