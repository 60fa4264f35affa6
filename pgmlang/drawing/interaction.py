"""What makes an SVG opened in a browser move: zoom by the wheel, pan by dragging, neighbours of a node under the pointer.

A constant text that reads positions and the numbers of nodes and edges, and nothing of the network: names never come into
it. It has neither ``<`` nor ``&``, so that it is the same text in XML and in HTML. Viewers without script show the whole.
"""

STYLE = (
    "svg.pgm-lit .node:not(.pgm-on),svg.pgm-lit .edges path:not(.pgm-on){opacity:.13}"
    "svg.pgm-moving{cursor:grabbing}svg .node{transition:opacity .12s}"
)

SCRIPT = """(function () {
  var svg = document.currentScript.closest("svg");
  var box = svg.viewBox.baseVal, whole = [box.x, box.y, box.width, box.height];
  var isPage = document.documentElement === svg;
  var nodes = Array.from(svg.querySelectorAll("[data-node]"));
  var edges = Array.from(svg.querySelectorAll("[data-ends]"));
  var pinned = null, from = null;

  function show(view) { svg.setAttribute("viewBox", view.join(" ")); }

  function fit() {
    if (!isPage) { show(whole); return; }
    svg.setAttribute("width", "100%");
    svg.setAttribute("height", "100%");
    var scale = Math.min(1, innerWidth / whole[2], innerHeight / whole[3]);
    var wide = innerWidth / scale, high = innerHeight / scale;
    show([whole[2] / 2 - wide / 2, Math.min(0, whole[3] / 2 - high / 2), wide, high]);
  }

  function point(event) {
    var p = svg.createSVGPoint();
    p.x = event.clientX;
    p.y = event.clientY;
    return p.matrixTransform(svg.getScreenCTM().inverse());
  }

  function light(node) {
    var number = node === null ? "" : node.getAttribute("data-node"), near = new Set([number]);
    edges.forEach(function (edge) {
      var ends = edge.getAttribute("data-ends").split(" "), isOn = ends.includes(number);
      edge.classList.toggle("pgm-on", isOn);
      if (isOn) { ends.forEach(function (end) { near.add(end); }); }
    });
    nodes.forEach(function (other) {
      other.classList.toggle("pgm-on", near.has(other.getAttribute("data-node")));
    });
    svg.classList.toggle("pgm-lit", node !== null);
  }

  nodes.forEach(function (node) {
    node.addEventListener("pointerenter", function () { if (from === null) { light(node); } });
    node.addEventListener("pointerleave", function () { light(pinned); });
    node.addEventListener("click", function () { pinned = pinned === node ? null : node; light(pinned); });
  });
  svg.addEventListener("wheel", function (event) {
    if (!isPage) { if (!event.ctrlKey) { return; } }
    event.preventDefault();
    var p = point(event), by = Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.004);
    by = Math.max(whole[2] / 60 / box.width, Math.min(8 * whole[2] / box.width, by));
    show([p.x - (p.x - box.x) * by, p.y - (p.y - box.y) * by, box.width * by, box.height * by]);
  }, {passive: false});
  svg.addEventListener("pointerdown", function (event) {
    if (event.button === 0) { from = point(event); }
  });
  svg.addEventListener("pointermove", function (event) {
    if (from === null) { return; }
    var p = point(event);
    if (Math.abs(p.x - from.x) + Math.abs(p.y - from.y) > 0) { svg.classList.add("pgm-moving"); }
    show([box.x - p.x + from.x, box.y - p.y + from.y, box.width, box.height]);
  });
  ["pointerup", "pointerleave"].forEach(function (name) {
    svg.addEventListener(name, function () { from = null; svg.classList.remove("pgm-moving"); });
  });
  svg.addEventListener("dblclick", function () { pinned = null; light(null); fit(); });
  if (isPage) { fit(); addEventListener("resize", fit); }
})();
"""
