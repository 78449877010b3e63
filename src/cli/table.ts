/** Columns of text, as wide as they must be; nothing for no rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const lines = [head, ...rows.map((row) => row.map(oneLine))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

/** What others wrote must not move the cursor, colour the terminal or turn text around. */
export function oneLine(text: string): string {
  return text.replace(/[^\S ]+/g, ' ').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?');
}
