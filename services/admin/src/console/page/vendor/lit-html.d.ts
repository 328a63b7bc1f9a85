// The server serves the library under this name, next to the page's own modules.
export * from 'lit-html';
