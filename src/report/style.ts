/** Colours of runs, each at least 3 : 1 against its background, distinguishable with the common forms of colour blindness. */
const LIGHT = ['#0067a5', '#c2410c', '#00795a', '#a8327d', '#6d4bb5', '#8a6500', '#4b5563', '#b91c1c'];
const DARK = ['#5cb8f0', '#ff9d5c', '#41d9a6', '#f59ad1', '#bda3f5', '#e6c34a', '#b4bdc9', '#ff8a8a'];

const variables = (colors: readonly string[]): string =>
  colors.map((color, i) => `--run-${i}: ${color};`).join(' ');

/** The style sheet of a report: readable from 360 px on, in light and dark. */
export const STYLE = `
:root { color-scheme: light dark; --back: #ffffff; --card: #f6f7f9; --text: #1b1f24; --soft: #525b66; --grid: #d4d9e0; --link: #0b57a4; ${variables(LIGHT)} }
@media (prefers-color-scheme: dark) { :root { --back: #14171b; --card: #1d2127; --text: #e8ebef; --soft: #a9b2bd; --grid: #3a414b; --link: #8cc2ff; ${variables(DARK)} } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1200px; padding: 1rem; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0.5rem 0; } h2 { font-size: 1.25rem; margin: 2rem 0 0.5rem; } h3 { font-size: 1.05rem; margin: 1.25rem 0 0.5rem; }
p { margin: 0.25rem 0 0.75rem; } .soft { color: var(--soft); }
a { color: var(--link); } nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; padding: 0; list-style: none; }
.scroll { overflow: auto; max-height: 34rem; border: 1px solid var(--grid); border-radius: 6px; }
table { border-collapse: collapse; min-width: 100%; font-size: 0.9rem; }
caption { text-align: left; padding: 0.5rem 0.75rem; color: var(--soft); }
th, td { padding: 0.35rem 0.75rem; text-align: left; vertical-align: top; border-top: 1px solid var(--grid); overflow-wrap: normal; }
td { max-width: 24rem; overflow-wrap: break-word; } tbody th { max-width: 24rem; overflow-wrap: break-word; } .number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead th { position: sticky; top: 0; background: var(--card); border-top: 0; z-index: 1; }
th button { all: unset; cursor: pointer; font-weight: 600; } th button::after { content: " \\2195"; color: var(--soft); }
th[aria-sort=ascending] button::after { content: " \\2191"; } th[aria-sort=descending] button::after { content: " \\2193"; }
button, input { font: inherit; color: inherit; } .controls button, .controls input[type=number] { background: var(--back); border: 1px solid var(--soft); border-radius: 4px; padding: 0.2rem 0.6rem; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.controls { display: flex; flex-wrap: wrap; gap: 0.5rem 1.25rem; align-items: center; margin: 0.5rem 0; padding: 0.5rem 0.75rem; background: var(--card); border-radius: 6px; }
.controls input[type=number] { width: 5.5rem; } fieldset { border: 0; padding: 0; margin: 0; display: contents; } legend { float: left; }
.label { display: inline-flex; align-items: baseline; gap: 0.4rem; max-width: 100%; } .swatch { flex: none; width: 1.25rem; height: 0.3rem; border-radius: 2px; translate: 0 -0.25rem; }
${LIGHT.map((_, i) => `.swatch.run-${i} { background: var(--run-${i}); }`).join('\n')}
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
.charts figure { margin: 0; min-width: 0; background: var(--card); border-radius: 6px; padding: 0.75rem 0.5rem; } figcaption { font-weight: 600; padding-left: 0.5rem; }
.charts .key { font-weight: 400; color: var(--soft); font-size: 0.85rem; } .chart { min-width: 0; overflow: hidden; }
.u-legend { text-align: left !important; font-size: 0.8rem !important; } .u-legend .u-value { font-variant-numeric: tabular-nums; }
.u-legend th, .u-legend td { border: 0; padding: 0.1rem 0.25rem; } .u-legend th { background: none; position: static; } .u-select { background: color-mix(in srgb, var(--link) 25%, transparent) !important; }
details { margin: 0.5rem 0; } summary { cursor: pointer; } summary .label { display: inline; } summary .swatch { display: inline-block; margin-right: 0.4rem; }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 0.75rem; padding: 0; list-style: none; }
.pairs li { background: var(--card); border-radius: 6px; padding: 0.75rem; min-width: 0; } .pairs p { margin: 0 0 0.5rem; }
.mistakes { display: flex; flex-wrap: wrap; gap: 0.5rem; } .mistakes figure { margin: 0; width: 96px; } .mistakes figcaption { font-weight: 400; font-size: 0.8rem; padding: 0; color: var(--soft); }
.mistakes img { width: 96px; height: 96px; object-fit: contain; background: var(--back); image-rendering: auto; display: block; }
@media (max-width: 480px) { body { padding: 0.6rem; } th, td { padding: 0.3rem 0.5rem; } td, tbody th { max-width: 11rem; } }
`;
