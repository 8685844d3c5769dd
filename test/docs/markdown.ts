/** Markdown as the tests see it: fenced blocks with their lines, headings with their anchors, and links. */

/** A fenced block. */
export interface Block {
  readonly path: string;
  /** The line of its first line of content, from 1. */
  readonly line: number;
  /** The first word behind the fence, such as `ts`; empty where there is none. */
  readonly language: string;
  /** The further words behind the fence, such as `run`. */
  readonly flags: readonly string[];
  readonly text: string;
  /** The example that it goes on from, named by the last `<!-- prelude: name -->` above it. */
  readonly prelude: string | undefined;
}

/** The fenced blocks of a text. An unclosed fence takes the rest, as in Markdown itself. */
export function blocksOf(path: string, text: string): readonly Block[] {
  const blocks: Block[] = [];
  const lines = text.split('\n');
  let prelude: string | undefined;
  for (let i = 0; i < lines.length; i++) {
    const named = /^<!-- prelude: ([\w-]+) -->$/.exec(lines[i] ?? '')?.[1];
    if (named !== undefined) prelude = named === 'none' ? undefined : named;
    const opening = /^( *)(`{3,})(.*)$/.exec(lines[i] ?? '');
    if (opening === null) continue;
    const [, indent = '', fence = '', info = ''] = opening;
    const [language = '', ...flags] = info.trim().split(/\s+/);
    const line = i + 2;
    const content: string[] = [];
    while (++i < lines.length && !isClosing(lines[i] as string, fence)) {
      content.push((lines[i] as string).replace(new RegExp(`^ {0,${indent.length}}`), ''));
    }
    blocks.push({ path, line, language, flags, text: `${content.join('\n')}\n`, prelude });
  }
  return blocks;
}

function isClosing(line: string, fence: string): boolean {
  return /^`+$/.test(line.trim()) && line.trim().length >= fence.length;
}

/** The examples in the doc comments of a TypeScript file: their blocks are Markdown behind ` * `. */
export function commentBlocksOf(path: string, text: string, prelude: string): readonly Block[] {
  const comments = text
    .split('\n')
    .map((line) => /^ *\* ?(.*)$/.exec(line)?.[1] ?? '')
    .join('\n');
  return blocksOf(path, comments).map((block) => ({ ...block, prelude }));
}

/** A text with what stands in fences, and the fences, left empty: lines keep their numbers. */
function withoutBlocks(text: string): string {
  const lines = text.split('\n');
  for (const { line, text: content } of blocksOf('', text)) {
    const end = line + content.split('\n').length - 1;
    for (let i = line - 1; i <= end; i++) lines[i - 1] = '';
  }
  return lines.join('\n');
}

/** A heading, and the anchor that GitHub gives it. */
export interface Heading {
  readonly level: number;
  readonly title: string;
  readonly anchor: string;
}

export function headingsOf(text: string): readonly Heading[] {
  return [...withoutBlocks(text).matchAll(/^(#{1,6}) (.+)$/gm)].map(([, hashes = '', written = '']) => {
    const title = written.replaceAll('`', '').trim();
    const anchor = title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-');
    return { level: hashes.length, title, anchor };
  });
}

/** A link to another place of the repository. */
export interface Link {
  readonly line: number;
  readonly words: string;
  /** The file, relative to the file that holds the link; empty for a place in the same file. */
  readonly target: string;
  readonly anchor: string | undefined;
}

/** The links of a text that lead to files, not to the web. */
export function linksOf(text: string): readonly Link[] {
  return withoutBlocks(text)
    .split('\n')
    .flatMap((line, i) =>
      [...line.matchAll(/\[([^\]]*)\]\(([^()\s]+)\)/g)]
        .filter(([, , to = '']) => !/^[a-z]+:/.test(to))
        .map(([, words = '', to = '']) => {
          const [target = '', anchor] = to.split('#');
          return { line: i + 1, words, target, anchor };
        }),
    );
}

/** The cells of every table row of a text, its headings and rules left out. */
export function tableRowsOf(text: string): readonly (readonly string[])[] {
  const rows = withoutBlocks(text)
    .split('\n')
    .map((line) => (line.startsWith('|') ? line.split(/(?<!\\)\|/).slice(1, -1) : []));
  return rows
    .filter((row, i) => row.length > 0 && !isRule(row) && !isRule(rows[i + 1] ?? []))
    .map((row) => row.map((cell) => cell.trim()));
}

function isRule(row: readonly string[]): boolean {
  return row.length > 0 && row.every((cell) => /^ *:?-+:? *$/.test(cell));
}
