// The library is served under this name, beside the page's own modules.
export * from 'lit-html';
