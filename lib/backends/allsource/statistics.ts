import type { AllSourceSettings } from './allsource-options.js';
import type { AllSourceStore } from './allsource-store.js';

/** The figures of an open store, as strings, sizes in bytes and times in milliseconds. */
export function statisticsOf(
  store: AllSourceStore,
  settings: AllSourceSettings,
): Readonly<Record<string, string>> {
  const { log, sealing, manifest, opened, timing } = store;
  const { segments, runs, epoch, sealed } = manifest.current;
  const { counts } = log;
  const bytes = segments.reduce((sum, entry) => sum + entry.events.bytes, 0);
  return {
    totalIngested: String(store.ingested),
    durability: settings.durability,
    epoch: String(epoch),
    commits: String(counts.commits),
    groups: String(counts.groups),
    syncs: String(counts.syncs),
    syncMs: timing.averageMs.toFixed(3),
    syncsOnThread: String(timing.onThread),
    walBytes: String(log.bytes),
    walSegments: String(log.segments.length),
    sealedThrough: String(sealed.position),
    segments: String(segments.length),
    segmentBytes: String(bytes),
    recordRuns: String(runs.length),
    seals: String(sealing.counts.seals),
    merges: String(sealing.counts.merges),
    sealingFailures: String(sealing.counts.failures),
    lastSealingError: sealing.lastError?.message ?? '',
    isFailed: String(log.refusal !== undefined),
    streamCacheBytes: String(opened.live.keptBytes),
    readCacheBytes: String(opened.sealed.cachedBytes),
    indexCacheBytes: String(opened.blocks.bytes),
    openingMs: opened.report.steps.map(({ step, ms }) => `${step} ${ms.toFixed(1)}`).join(', '),
    tornTail: opened.report.tornTail?.copy ?? '',
    strays: String(opened.report.strays.length),
  };
}
