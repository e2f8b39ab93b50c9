//! The build is missing, empty, shrunken, or cannot be read.

use super::*;

#[test]
fn a_missing_folder_is_named() {
    let published = Published::new();
    let answer = published.cloud.on_target("push", &["no-such-folder"]);
    answer.explains(USAGE, &["there is no folder", "no-such-folder`", "run the build first"]);
    published.is_untouched();
}

#[test]
fn a_file_is_not_taken_for_a_folder() {
    let published = Published::new();
    let file = published.site.path().join("index.html");
    let answer = published.cloud.on_target("push", &[file.to_str().expect("a plain path")]);
    answer.explains(USAGE, &["index.html` is a file, and a folder is needed"]);
    published.is_untouched();
}

#[test]
fn no_folder_at_all_is_told_from_a_wrong_one() {
    let published = Published::new();
    published.cloud.on_target("push", &[]).explains(USAGE, &["no folder is named"]);
}

#[test]
fn an_empty_folder_never_empties_the_site() {
    let published = Published::new();
    let empty = Site::new();
    for more in [&[][..], &["--allow-shrink"]] {
        published.cloud.push(&empty, more).explains(REFUSED, &["the build is empty"]);
    }
    // Nor does one in which nothing is to be published.
    empty
        .write(".DS_Store", "x")
        .write("app.js.map", "{}")
        .write("_headers", "/*\n  Cache-Control: no-store\n");
    published.cloud.push(&empty, &[]).explains(REFUSED, &["the build is empty"]);
    published.is_untouched();
}

#[test]
fn a_build_that_lost_most_of_its_pages_is_refused_unless_that_is_said() {
    let cloud = Cloud::new();
    let site = Site::small();
    for number in 0..20 {
        site.write(&format!("blog/{number}.html"), format!("post {number}"));
    }
    cloud.push(&site, &[]).success();
    let published = Published::with(cloud, site);
    for number in 0..15 {
        published.site.remove(&format!("blog/{number}.html"));
    }
    published.refuses(&[], REFUSED, &["lacks 15 of the 23 live pages", "--allow-shrink"]);
    published.cloud.push(&published.site, &["--allow-shrink"]).success();
    assert!(!published.cloud.site_keys().contains(&"blog/3.html".to_owned()));
}

#[test]
fn a_build_whose_pages_moved_or_were_renamed_has_lost_none() {
    let cloud = Cloud::new();
    let site = Site::small();
    for number in 0..20 {
        site.write(&format!("blog/{number}.html"), format!("post {number}"));
    }
    cloud.push(&site, &[]).success();
    for number in 0..10 {
        site.remove(&format!("blog/{number}.html"));
        site.write(&format!("blog/{number}/index.html"), format!("post {number} by another generator"));
        site.rename(&format!("blog/{}.html", number + 10), &format!("archive/{}.html", number + 10));
    }
    cloud.push(&site, &[]).success();
}

#[test]
fn a_build_without_its_root_page_is_refused() {
    let published = Published::new();
    published.site.remove("index.html");
    published.refuses(&[], REFUSED, &["has no `index.html`, but the live release has one"]);
}

#[test]
fn a_link_to_nowhere_is_named_and_can_be_left_out() {
    let published = fresh(Site::small());
    symlink("gone.html", published.site.path().join("about/old.html")).expect("links can be made");
    published.refuses(&[], USAGE, &["`about/old.html`", "leads nowhere"]);
    ignoring(&published, "about/old.html").success();
}

#[test]
fn a_link_out_of_the_folder_publishes_nothing_from_there() {
    let outside = Site::new();
    outside.write("private.txt", "not for the world");
    let published = fresh(Site::small());
    symlink(outside.path().join("private.txt"), published.site.path().join("style2.css")).expect("a link");
    published.refuses(&[], USAGE, &["`style2.css` leads out of the folder", "site.ignore"]);
    ignoring(&published, "style2.css").success();
    assert!(!published.cloud.site_keys().contains(&"style2.css".to_owned()));
}

#[test]
fn a_linked_folder_outside_is_not_entered() {
    let outside = Site::new();
    outside.write("private.txt", "not for the world");
    let published = fresh(Site::small());
    symlink(outside.path(), published.site.path().join("data")).expect("a link");
    published.refuses(&[], USAGE, &["`data` leads out of the folder"]);
    ignoring(&published, "data").success();
    assert_eq!(published.cloud.site_keys().len(), 6);
}

#[test]
fn links_in_a_loop_end() {
    let published = fresh(Site::small());
    symlink("..", published.site.path().join("about/up")).expect("a link");
    published.refuses(&[], USAGE, &["`about/up` leads into itself"]);
    std::fs::remove_file(published.site.path().join("about/up")).expect("the link is there");
    symlink("self.html", published.site.path().join("self.html")).expect("a link");
    published.refuses(&[], USAGE, &["`self.html` leads into itself"]);
}

#[test]
fn links_inside_the_folder_are_followed() {
    let cloud = Cloud::new();
    let site = Site::small();
    symlink("style.css", site.path().join("theme.css")).expect("a link");
    symlink("about", site.path().join("ueber")).expect("a link");
    cloud.push(&site, &[]).success();
    assert_eq!(cloud.body("theme.css"), "body { color: black }");
    assert_eq!(cloud.body("ueber/index.html"), cloud.body("about/index.html"));
}

#[test]
fn a_pipe_or_socket_in_the_build_is_named_and_never_waited_for() {
    let published = fresh(Site::small());
    let pipe = published.site.path().join("live.html");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let started = Instant::now();
    published.refuses(&[], USAGE, &["`live.html` is neither a file nor a folder"]);
    assert!(started.elapsed() < Duration::from_secs(20));
    std::fs::remove_file(&pipe).expect("the pipe is there");
    let _socket =
        std::os::unix::net::UnixListener::bind(published.site.path().join("dev.sock")).expect("binds");
    published.refuses(&[], USAGE, &["`dev.sock` is neither a file nor a folder"]);
}

#[test]
fn a_file_or_folder_that_may_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    for name in ["style.css", "about"] {
        let published = Published::new();
        published.site.write("index.html", "new");
        let path = published.site.path().join(name);
        let set_mode = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("they are ours");
        };
        set_mode(0o000);
        let site = published.site.path().to_str().expect("a plain path");
        let command = published.cloud.command(&["push", site, "--bucket", BUCKET]);
        let is_above_permissions = std::fs::File::open(&path).is_ok();
        let mut command = if is_above_permissions { bound_by_permissions(&command) } else { command };
        let output = command.output().expect("the program starts");
        // So that the folder can be removed.
        set_mode(0o755);
        let answer = Answer::from_output(&output);
        answer.explains(USAGE, &[&format!("{name}`"), "ermission denied", "check its permissions"]);
        published.is_untouched();
    }
}

/// The same program without the power to read what it may not, which root has (in most containers, say).
fn bound_by_permissions(command: &Command) -> Command {
    const POWERS: &str = "-dac_override,-dac_read_search";
    // Part of util-linux. Where it is missing the program does not start, and the test fails.
    let mut bound = Command::new("setpriv");
    bound.arg(format!("--bounding-set={POWERS}")).arg(format!("--inh-caps={POWERS}"));
    bound.arg(command.get_program()).args(command.get_args());
    bound.env_clear().stdin(std::process::Stdio::null());
    bound.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bound.current_dir(command.get_current_dir().expect("it has one"));
    bound
}

/// Pushes with a configuration that ignores `pattern`.
fn ignoring(published: &Published, pattern: &str) -> Answer {
    let folder = Site::new();
    folder.write("sitepush.toml", format!("[site]\nignore = [\"{pattern}\"]\n"));
    let config = folder.path().join("sitepush.toml");
    published.cloud.push(&published.site, &["--config", config.to_str().expect("a plain path")])
}
