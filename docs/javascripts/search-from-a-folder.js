/* Browsers give a page that is opened from a folder (file:) no worker, and the search of the site is one. There its
   script runs in a frame that nobody sees, and is sent and answers the same messages. */
if (location.protocol === "file:") {
  /* What the script of a worker finds around it. */
  const around = script => `<!doctype html><script>
    self.postMessage = said => parent.postMessage(said, "*")
    self.importScripts = (...parts) => parts.reduce((before, part) => before.then(() => new Promise((loaded, failed) => {
      const element = document.createElement("script")
      Object.assign(element, {src: part, onload: loaded, onerror: failed})
      document.head.append(element)
    })), Promise.resolve())
  <\/script><script src="${script}"><\/script>`

  /* The search looks for this name, to know that its parts are loaded one after another. */
  window.IFrameWorker = class extends EventTarget {
    constructor(script) {
      super()
      this.frame = Object.assign(document.createElement("iframe"), {hidden: true})
      this.ready = new Promise(loaded => this.frame.addEventListener("load", loaded, {once: true}))
      this.frame.srcdoc = around(new URL(script, document.baseURI))
      document.body.append(this.frame)
      window.addEventListener("message", ({source, data}) => {
        if (source === this.frame.contentWindow) this.dispatchEvent(new MessageEvent("message", {data}))
      })
    }

    postMessage(said) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", {data: said})))
    }

    terminate() {
      this.frame.remove()
    }
  }
  window.Worker = window.IFrameWorker
}
