/** The report as a Markdown table, aligned, so that it reads well in a terminal and can be pasted into a page. */
import { type Row, shortfallOf, type Target, type Unit } from './row.js';

const HEAD = ['what', 'ours', 'baseline', 'ratio', 'target', 'met?'] as const;

export function tableOf(rows: readonly Row[]): string {
  const lines = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const [head, ...body] = lines.map(
    (cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  );
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [head, rule, ...body].join('\n');
}

function cellsOf(row: Row): readonly string[] {
  const { what, unit, ours, baseline, target } = row;
  return [
    what,
    withUnit(ours.median, unit),
    baseline === undefined ? '' : `${baseline.name}: ${withUnit(baseline.figure.median, unit)}`,
    baseline === undefined ? '' : threeDigits(ours.median / baseline.figure.median),
    target === undefined ? '' : targetText(target, unit),
    verdict(row),
  ];
}

function targetText(target: Target, unit: Unit): string {
  return 'atLeast' in target ? `≥ ${withUnit(target.atLeast, unit)}` : `≤ ${withUnit(target.atMost, unit)}`;
}

function verdict(row: Row): string {
  const shortfall = shortfallOf(row);
  if (shortfall === undefined) return '';
  return shortfall === 0 ? 'yes' : `no, by ${threeDigits(shortfall * 100)} %`;
}

function withUnit(value: number, unit: Unit): string {
  return unit.endsWith('/s') ? `${threeDigits(value)}/s` : `${threeDigits(value)} ${unit}`;
}

/** Three significant digits, which is more than a shared machine repeats. */
function threeDigits(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 });
}
