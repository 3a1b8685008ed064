/** Of every drawing: it goes with a light page and a dark one. */
export const style: string = `
  text { font-family: "Inter", "Segoe UI", "Helvetica Neue", "DejaVu Sans", Arial, sans-serif; font-size: 13px; fill: #1d2433; }
  .title { font-size: 16px; font-weight: 700; }
  .soft, .tick { fill: #5a6478; font-size: 12px; }
  .mid { text-anchor: middle; }
  .end { text-anchor: end; }
  .card { fill: #fcfcfa; stroke: #d5d9e0; }
  .rule { stroke: #e3e6ec; }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round; }
  .spread { stroke-width: 5; stroke-opacity: 0.3; }
  .label, .value { font-weight: 600; paint-order: stroke; stroke: #fcfcfa; stroke-width: 4px; stroke-linejoin: round; }
  .value { font-size: 12px; font-weight: 400; }
  .ours-thin.line, .peer-thin.line { stroke-width: 1.5; stroke-dasharray: 5 4; }
  .ours.line, .ours.spread, .ours-thin.line, .ours-thin.spread { stroke: #d8450a; }
  .ours.dot, .ours-thin.dot, .ours.label, .ours-thin.label, .ours.value, .ours-thin.value { fill: #c33d07; }
  .peer.line, .peer.spread, .peer-thin.line, .peer-thin.spread { stroke: #3f6fd8; }
  .peer.dot, .peer-thin.dot, .peer.label, .peer-thin.label, .peer.value, .peer-thin.value { fill: #2f5cc0; }
  .ours-thin.label, .peer-thin.label { font-weight: 400; }
  .ours.bar { fill: #d8450a; }
  .peer.bar { fill: #3f6fd8; }
  .peer-thin.bar { fill: #3f6fd8; fill-opacity: 0.45; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e9ef; }
    .soft, .tick { fill: #9aa4b5; }
    .card { fill: #14181f; stroke: #333b48; }
    .label, .value { stroke: #14181f; }
    .rule { stroke: #262d38; }
    .ours.line, .ours.spread, .ours-thin.line, .ours-thin.spread { stroke: #ff8a4c; }
    .ours.dot, .ours-thin.dot, .ours.label, .ours-thin.label, .ours.value, .ours-thin.value { fill: #ff8a4c; }
    .ours.bar { fill: #ff8a4c; }
    .peer.bar, .peer-thin.bar { fill: #82a8ff; }
    .peer.line, .peer.spread, .peer-thin.line, .peer-thin.spread { stroke: #82a8ff; }
    .peer.dot, .peer-thin.dot, .peer.label, .peer-thin.label, .peer.value, .peer-thin.value { fill: #82a8ff; }
  }
`
