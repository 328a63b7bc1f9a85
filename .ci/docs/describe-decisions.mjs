// The index of the decisions, made of the first lines of the records.

const introduction = `# Decisions

*This page is generated from the records: change them, then run \`npm run docs\`.*

A record says why something is as it is. Records are numbered in order and have about thirty lines. Apart from its status a
record is not rewritten: a later record says which one it replaces.`;

/** `records`: name and text of each file, in order. Returns Markdown that ends with a line break. */
export function describeDecisions(records) {
  const rows = records.map(({ file, text }) => {
    const [, number, title, status] = /^# (\d{4}): (.+)\n\nStatus: (.+)\n\n/.exec(text) ?? [];
    if (number === undefined || !file.startsWith(`${number}-`))
      throw new Error(`docs/decisions/${file} must begin with "# ${file.slice(0, 4)}: Title" and "Status: accepted".`);
    return `| [${number}](${file}) | ${title} | ${status} |`;
  });
  return `${[introduction, ['| number | title | status |', '|---|---|---|', ...rows].join('\n')].join('\n\n')}\n`;
}
