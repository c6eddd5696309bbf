// A window of WebKitGTK for WebKitWebDriver to steer, run by gjs: `gjs -m webkit-window.mjs SOCKET [PROFILE [SHARE]]`.
// MiniBrowser, which WebKitGTK brings, keeps nothing on the disk while it is steered, and does not tell what
// pages write to their console.
import Gio from "gi://Gio";
import "cairo";
import Gtk from "gi://Gtk?version=3.0";
import WebKit from "gi://WebKit2?version=4.1";
import { programArgs } from "system";

const [socket, profile, share] = programArgs;

// Kept as a whole: a connection that is collected as garbage closes its streams.
const connection = new Gio.SocketClient().connect(Gio.UnixSocketAddress.new(socket), null);

/** Runs in every page before its own scripts. */
function report() {
  const tell = (value) => globalThis.webkit.messageHandlers.reports.postMessage(value);
  for (const type of ["debug", "log", "info", "warn", "error"]) {
    const own = console[type];
    console[type] = (...values) => {
      own.apply(console, values);
      tell({ type, text: values.map(String).join(" ") });
    };
  }
  const described = (error) => (error?.stack ? `${error}\n${error.stack}` : String(error));
  addEventListener("error", (event) => tell({ error: described(event.error ?? event.message) }));
  addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
    tell({ error: `kept out by ${effectiveDirective}: ${blockedURI}` });
  });
  addEventListener("unhandledrejection", (event) => {
    // The page's own listeners, which come after this one, may take it.
    setTimeout(() => event.defaultPrevented || tell({ error: described(event.reason) }), 0);
  });
}

function openWindow() {
  const content = new WebKit.UserContentManager();
  content.register_script_message_handler("reports");
  content.connect("script-message-received::reports", (_, message) => {
    const line = message.get_js_value().to_json(0);
    const { picture } = JSON.parse(line);
    if (picture === undefined) pass(line);
    else takePicture(view, picture, () => pass(line));
  });
  content.add_script(
    WebKit.UserScript.new(
      `(${report})();`,
      WebKit.UserContentInjectedFrames.ALL_FRAMES,
      WebKit.UserScriptInjectionTime.START,
      null,
      null,
    ),
  );
  const view = new WebKit.WebView({
    web_context: context,
    is_controlled_by_automation: true,
    user_content_manager: content,
  });
  const window = new Gtk.Window();
  window.set_default_size(1100, 800);
  window.add(view);
  window.show_all();
  view.connect("close", () => Gtk.main_quit());
  return view;
}

function pass(line) {
  connection.get_output_stream().write_all(`${line}\n`, null);
}

/** WebDriver's own way waits for a frame on the display, which never comes without compositing. */
function takePicture(view, path, done) {
  view.get_snapshot(WebKit.SnapshotRegion.VISIBLE, WebKit.SnapshotOptions.NONE, null, (_, result) => {
    view.get_snapshot_finish(result).writeToPNG(path);
    done();
  });
}

Gtk.init(null);
const context = new WebKit.WebContext({
  website_data_manager:
    profile === undefined
      ? WebKit.WebsiteDataManager.new_ephemeral()
      : new WebKit.WebsiteDataManager({
          base_data_directory: `${profile}/data`,
          base_cache_directory: `${profile}/cache`,
          // Of the volume's space; without it, what WebKit allows a site by itself.
          origin_storage_ratio: share === undefined ? -1 : Number(share),
        }),
});
context.set_automation_allowed(true);
context.connect("automation-started", (_, session) => {
  const application = new WebKit.ApplicationInfo();
  application.set_name("sessile");
  session.set_application_info(application);
  session.connect("create-web-view", openWindow);
});
Gtk.main();
