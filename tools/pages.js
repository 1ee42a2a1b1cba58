// Draws the formulas and diagrams of a page for reading, with the MathJax and Mermaid of JupyterLab.
// tools/pages.py puts in JupyterLab's pieces, which register themselves with the loader below, and the fonts.
(() => {
  "use strict";

  // What the pieces expect: a table of modules and, to use one, `need` with a few helpers (the runtime of rspack).
  const modules = {}, made = {}, shared = {/* SHARED */};
  const has = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
  function need(id) {
    id = shared[id] || id;
    if (!has(made, id)) {
      if (!has(modules, id)) throw new Error(`module ${id} is in none of the pieces`);
      made[id] = { id, exports: {}, loaded: false };
      modules[id].call(made[id].exports, made[id], made[id].exports, need);
      made[id].loaded = true;
    }
    return made[id].exports;
  }
  need.m = modules;
  need.o = has;
  need.g = self;
  need.e = () => Promise.resolve();  // every piece is here already
  need.r = (exports) => Object.defineProperty(exports, "__esModule", { value: true });
  need.d = (exports, getters) => {
    for (const name in getters)
      if (!has(exports, name)) Object.defineProperty(exports, name, { enumerable: true, get: getters[name] });
  };
  need.n = (module) => {
    const getter = module && module.__esModule ? () => module.default : () => module;
    need.d(getter, { a: getter });
    return getter;
  };
  need.nmd = need.hmd = (module) => Object.assign(module, { paths: [], children: module.children || [] });
  self.rspackChunk_jupyterlab_application_top = { push: ([, found]) => Object.assign(modules, found) };

  const fonts = {/* FONTS */};  // file name: the font, as base64

  function drawFormulas() {
    const parts = Object.assign({}, ...[/* MATHJAX */].map(need));
    const { mathjax, CHTML, TeX, TeXFont, AllPackages, SafeHandler, HTMLHandler, browserAdaptor } = parts;
    mathjax.handlers.register(parts.AssistiveMmlHandler(SafeHandler(new HTMLHandler(browserAdaptor()))));
    class Font extends TeXFont {}
    Font.defaultFonts = {};
    for (const [rule, face] of Object.entries(TeXFont.defaultFonts)) {
      const src = face.src.replace(/"%%URL%%\/(.+?)"/, (_, file) => `data:font/woff;base64,${fonts[file]}`);
      Font.defaultFonts[rule] = { ...face, src };
    }
    const tex = new TeX({
      packages: AllPackages.concat("require"),
      inlineMath: [["$", "$"], ["\\(", "\\)"]],
      displayMath: [["$$", "$$"], ["\\[", "\\]"]],
      processEscapes: true,
      processEnvironments: true,
    });
    const formulas = mathjax.document(document, { InputJax: tex, OutputJax: new CHTML({ font: new Font() }) });
    formulas.options.elements = [...document.querySelectorAll(".jp-RenderedMarkdown, .jp-RenderedLatex")];
    formulas.render();
  }

  async function drawDiagrams() {
    const sources = document.querySelectorAll("pre.mermaid");
    if (!sources.length) return;
    const mermaid = need(/* MERMAID */).default;
    mermaid.initialize({ startOnLoad: false, suppressErrorRendering: true, securityLevel: "strict" });
    let number = 0;
    for (const source of sources) {
      try {
        const { svg } = await mermaid.render(`diagram-${++number}`, source.textContent);
        source.parentElement.innerHTML = svg;
      } catch (error) {
        source.title = String(error);  // it stays there as text
      }
    }
  }

  document.addEventListener("DOMContentLoaded", async () => {
    drawFormulas();
    await drawDiagrams();
    document.body.dataset.drawn = "yes";
  });
})();
