/** Markdown is read as it is meant. */
import { describe, expect, it } from 'vitest';
import { blocksOf, commentBlocksOf, headingsOf, linksOf, tableRowsOf } from './markdown.js';

const fenced = (info: string, ...lines: readonly string[]): string =>
  ['```' + info, ...lines, '```'].join('\n');

describe('the reading of Markdown', () => {
  it('finds blocks with their lines, languages, flags and preludes', () => {
    const text = [
      '~',
      fenced('ts run', 'a'),
      '- item',
      '',
      '  ```sh',
      '  npm ci',
      '    # b',
      '  ```',
      '````md',
      '```',
      '````',
    ];
    expect(blocksOf('a.md', text.join('\n'))).toEqual([
      { path: 'a.md', line: 3, language: 'ts', flags: ['run'], text: 'a\n', prelude: undefined },
      { path: 'a.md', line: 8, language: 'sh', flags: [], text: 'npm ci\n  # b\n', prelude: undefined },
      { path: 'a.md', line: 12, language: 'md', flags: [], text: '```\n', prelude: undefined },
    ]);
  });

  it('finds the examples of doc comments', () => {
    const text = [
      '/**',
      ' * Words.',
      ' * @example',
      ' * ```ts',
      ' * if (a) {',
      ' *   b();',
      ' * }',
      ' * ```',
      ' */',
    ];
    expect(commentBlocksOf('a.ts', text.join('\n'), 'p')).toEqual([
      { path: 'a.ts', line: 5, language: 'ts', flags: [], text: 'if (a) {\n  b();\n}\n', prelude: 'p' },
    ]);
  });

  it('finds headings, links and the rows of tables, but none inside of blocks', () => {
    const text = [
      '## `Limits` and *errors*: what?',
      fenced('sh', '# no heading, [no](link.md)'),
      'See [one](a.md#b), [two](../c.ts), [three](#d) and [the web](https://example.org/x.md).',
      '| a | b |',
      '| --- | :-- |',
      '| `x \\| y` | [z](z.ts) |',
    ].join('\n');
    expect(headingsOf(text)).toEqual([
      { level: 2, title: 'Limits and *errors*: what?', anchor: 'limits-and-errors-what' },
    ]);
    expect(linksOf(text)).toEqual([
      { line: 5, words: 'one', target: 'a.md', anchor: 'b' },
      { line: 5, words: 'two', target: '../c.ts', anchor: undefined },
      { line: 5, words: 'three', target: '', anchor: 'd' },
      { line: 8, words: 'z', target: 'z.ts', anchor: undefined },
    ]);
    expect(tableRowsOf(text)).toEqual([['`x \\| y`', '[z](z.ts)']]);
  });
});
