// Is there still a kernel that would hear a button? It says so once a second (`beat`). Where it has stopped saying so for
// some seconds, or the toolkit knows that it is gone, a widget says of what time its figures are and takes its controls
// away: a button that nobody hears is worse than none. Board and table watch for themselves, for either may be there alone.

const LOST_MS = 3500;
const LOOK_MS = 500;

function watchConnection(model, el, tell) {
  let beatAt = Date.now();
  let told = "";

  function words() {
    const page = document.body.dataset.voila || !el.closest(".jp-Notebook");
    const again = page ? "reload the page" : "run the cells again";
    if (el.closest(".jupyter-widgets-disconnected")) {
      return `The kernel was restarted or has ended. What was recorded is safe: ${again} to see it and to go on.`;
    }
    if (Date.now() - beatAt < LOST_MS || !model.get("beat")) return "";
    const at = new Date(beatAt).toLocaleTimeString();
    return `No word from the kernel since ${at}: these figures are as of then. It is busy with another cell, it was`
      + " restarted, or the connection is lost; what was recorded is safe. The controls come back when it answers. If it"
      + ` does not, ${again}.`;
  }

  function look() {
    if (!el.isConnected) return; // taken off the page: what is there now has a board of its own
    const now = words();
    if (now === told) return;
    told = now;
    tell(now);
  }

  function beat() {
    beatAt = Date.now();
    look();
  }
  const timer = setInterval(look, LOOK_MS);
  model.on("change:beat", beat);
  model.on("comm_live_update", look);
  return () => {
    clearInterval(timer);
    model.off("change:beat", beat);
    model.off("comm_live_update", look);
  };
}
