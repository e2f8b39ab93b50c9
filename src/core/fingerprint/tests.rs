//! Tables: each text is one site, a key a line. `+` must be fingerprinted, `-` must not; `~` must look like it.

use proptest::prelude::*;

use super::*;

/// Judges every line of the table and panics with all that went wrong.
fn check(site: &str) {
    let lines: Vec<(&str, &str)> = site
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| (&line[..1], line[1..].trim()))
        .collect();
    let verdicts = classify(lines.iter().map(|(_, path)| *path));
    let is_right = |wanted: &str, naming: Naming| match wanted {
        "+" => naming == Naming::Hashed,
        "~" => naming == Naming::HashLike,
        _ => naming != Naming::Hashed,
    };
    let wrong: Vec<String> = lines
        .iter()
        .zip(verdicts)
        .filter(|((wanted, _), verdict)| !is_right(wanted, verdict.naming))
        .map(|((_, path), verdict)| format!("{path}: {verdict:?}"))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What every site here carries as well: hand-made files that look like hashed ones.
const PUBLIC: &str = "
    - index.html
    - favicon.ico
    - js/vendor-a1b2c3d4.js
    - js/widget-4f9d02c7.js
    - js/consent.min.js
    - lib/tracker-Xk29fLq1.js
    - legacy/player.7d3f09ab.js
    - legacy/skin.css
    - img/badge-9e107d9d.png
    - img/3f2504e0-4f89-11d3-9a0c-0305e82c3301.png
    - downloads/report-d41d8cd98f00b204e9800998ecf8427e.json
    - downloads/app.3541d488bfc7c769.js
    - photos/IMG_20240101_123456.jpg
    - robots.txt
    - sw.js
    - manifest.webmanifest
";

fn check_with_public(site: &str) {
    check(&format!("{site}\n{PUBLIC}"));
}

#[test]
fn lone_look_alikes_are_refused_on_a_site_without_a_bundler() {
    check(PUBLIC);
}

#[test]
fn vite_names_are_found() {
    check_with_public(
        "+ assets/index-DYJeH9Fh.js
         + assets/index-CTy32RZ2.css
         + assets/react-CHdo91hT.svg
         + assets/About-BnF7F3vr.js
         + assets/detail-e-x3OWO-.js
         + assets/guide-3r_7Lm_7.js
         + assets/index-legacy-B8R_c5QI.js
         + assets/polyfills-legacy-D7l_4x3d.js
         - assets/index-DYJeH9Fh.js.map
         - assets/Inter-SemiBold.woff2
         - assets/Roboto-Regular.woff2
         - assets/icon-LinkedIn.svg
         - assets/icon-WhatsApp.svg
         - assets/wallet-Web3Auth.svg
         - assets/phone-iPhone15.png
         - assets/index-DarkMode.css
         - assets/vendor-a1b2c3d4.js
         - assets/vendor-4f9d02c7.js
         - assets/icon-facebook.svg
         - assets/logo.svg
         - .vite/manifest.json",
    );
}

#[test]
fn names_of_people_among_vites_are_not_immutable_and_stay_for_open_pages() {
    check_with_public(
        "+ assets/index-DYJeH9Fh.js
         + assets/index-CTy32RZ2.css
         + assets/logo-Bpd14Z_1.png
         + assets/page-n2fwxwd5.js
         + assets/react-CHdo91hT.svg
         ~ assets/model-RTX4090T.png
         ~ assets/model-XPS13Pro.jpg
         ~ assets/SKU-ZX98YW76.jpg
         ~ assets/icon-facebook.svg
         ~ assets/photo-Beach2_1.jpg
         ~ assets/guide-BnF7F3vr.pdf
         - assets/xml2json.js
         - assets/lib-win32x64.js",
    );
    check(
        "+ assets/index-DYJeH9Fh.js
         + assets/index-CTy32RZ2.css
         ~ assets/car-ModelS3P.jpg
         ~ assets/car-GLC300e4.jpg
         ~ assets/car-Ioniq5LR.jpg",
    );
}

#[test]
fn a_lasting_name_is_told_from_one_that_open_pages_may_ask_for() {
    let naming = |path: &str| classify(["assets/index-DYJeH9Fh.js", "assets/a-CTy32RZ2.css", path])[2].naming;
    for path in ["logo.png", "assets/logo.png", "assets/sw-BnF7F3vr.js", "assets/a-BnF7F3vr.html"] {
        assert_eq!(naming(path), Naming::Lasting, "{path}");
    }
    for path in ["photos/icon-facebook.svg", "assets/index-DYJeH9Fh.js.map", "assets/icon-facebooks.svg"] {
        assert_eq!(naming(path), Naming::Lasting, "{path}");
    }
    let parcel = ["index.0c1488b7.js", "about.771eb8f2.js", "index.fc8a6b27.css", "logo.40040736.png"];
    assert_eq!(classify(parcel)[3].naming, Naming::HashLike);
}

#[test]
fn in_a_generators_own_directory_a_hash_may_look_like_a_word_or_a_number() {
    check_with_public(
        "+ _app/immutable/chunks/YwlglEya.js
         + _app/immutable/assets/logo.40040736.png
         ~ _app/immutable/assets/guide.BnF7F3vr.pdf
         - _app/immutable/assets/logo.png
         + _astro/hero.Carousel.webp
         - _astro/Carousel.js
         + _nuxt/facebook.js
         - _nuxt/builds/facebook.js
         + _next/static/media/logo.40040736.png
         - _next/static/chunks/src_app_40040736.js
         + static.files/main-40040736.js",
    );
}

#[test]
fn in_esbuilds_output_only_its_own_alphabet_will_do_for_pictures() {
    check_with_public(
        "+ main-JTDBO5HT.js
         + polyfills-5CFQRCPP.js
         + styles-RMY4KNVY.css
         + media/hero-NYIXXO5S.png
         + media/logo-55WT6UWF.png
         - media/model-RTX4090T.png
         - media/model-XPS13Pro.jpg",
    );
}

#[test]
fn the_only_script_of_a_small_vite_site_is_found() {
    check_with_public("+ assets/index-DYJeH9Fh.js");
}

#[test]
fn vitepress_names_are_found() {
    check_with_public(
        "+ assets/index.md.BnF7F3vr.js
         + assets/index.md.BnF7F3vr.lean.js
         + assets/guide_start.md.CVxB1u5K.js
         + assets/app.D9vtyGgU.js
         + assets/style.CkhzwMqS.css
         + assets/chunks/framework.Bv1tRQ1b.js
         + assets/chunks/theme.Dr31lufI.js
         + assets/inter-roman-latin.Di8DUHzh.woff2
         - hashmap.json",
    );
}

#[test]
fn rollup_names_that_are_the_whole_stem_are_found_at_the_root() {
    check_with_public(
        "+ B-ol6RpX.js
         + Cn-195ow.js
         + TE7kn7lP.js
         + DO0bBkUx.css
         + D0KLVOtM.png
         - Carousel.js
         - DarkMode.css",
    );
}

#[test]
fn astro_nuxt_and_sveltekit_names_are_found_in_their_own_directories() {
    check_with_public(
        "+ _astro/hero.CDp-Pi-J_ZnosBJ.webp
         + _astro/page.CZpLv-iH.js
         - _astro/Carousel.js
         + _nuxt/B7wfHupY.js
         + _nuxt/pages.cb681ghx.css
         + _nuxt/1a2f3c4.js
         - _nuxt/builds/latest.json
         - _nuxt/builds/meta/bd5d2c24-b7b8-4eaf-a9fb-6f2d6309191b.json
         - _nuxt/static/1700000000/state.js
         + _app/immutable/entry/start.EHcbMsdI.js
         + _app/immutable/chunks/Bjy-W4x2.js
         + _app/immutable/workers/worker-B44tqHaf.js
         - _app/immutable/assets/logo.png
         - _app/version.json
         + base/path/_astro/about.DG61Nfwn.css",
    );
}

#[test]
fn next_names_are_found_but_for_the_build_id() {
    check_with_public(
        "+ _next/static/chunks/255-15b9cc804e0d9c7d.js
         + _next/static/chunks/417.27a8219427e9fda2.js
         + _next/static/chunks/app/docs/[slug]/page-8d0e84e0320f5346.js
         + _next/static/chunks/a6dad97d9634a72d.js
         + _next/static/chunks/turbopack-0f1b9e5c7d3a2468.js
         + _next/static/css/09fdf17918a6b48f.css
         + _next/static/media/hero.6e117bbb.png
         + _next/static/media/4cf2300e9c8272f7-s.p.woff2
         + docs/_next/static/chunks/main-2ee3df819357997f.js
         - _next/static/chunks/node_modules_next_dist_1a6ee436._.js
         - _next/static/chunks/src_app_8df7605f.js
         - _next/static/chunks/src_page_0e1f7a90.js
         - _next/static/chunks/node_modules_c9e3b7aa.js
         - _next/static/chunks/polyfills.js
         + _next/static/chunks/0--_33ku6utrj.js
         + _next/static/chunks/3z-j--e4l5aa9.css
         + _next/static/chunks/turbopack-2u1d16houkiyo.js
         + _next/static/media/logo.0wd-w9r3yqg1r.png
         - _next/static/media/logo-2024-01-15-v2.png
         - _next/static/media/2nd-photo-set.png
         - js/0--_33ku6utrj.js
         - _next/static/LM0mwa75a3uZrNpevRA5O/_buildManifest.js
         - _next/static/LM0mwa75a3uZrNpevRA5O/_ssgManifest.js
         - _next/static/development/_devPagesManifest.json
         - _next/data/LM0mwa75a3uZrNpevRA5O/index.json",
    );
}

#[test]
fn create_react_app_names_are_found() {
    check_with_public(
        "+ static/js/main.2f3a4b5e.js
         + static/js/787.9d1bd2b9.chunk.js
         + static/css/main.073c9b0a.css
         + static/media/logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg
         - static/js/main.2f3a4b5e.js.map
         - static/js/main.2f3a4b5e.js.LICENSE.txt
         - static/js/vendor-4f9d02c7.js
         - asset-manifest.json",
    );
}

#[test]
fn vue_cli_names_are_found_beside_public_files() {
    check_with_public(
        "+ js/app.1d9bc7f3.js
         + js/chunk-vendors.5e6f0a8b.js
         + js/about.c9e3b7aa.js
         + css/app.0fb2bb5f.css
         + img/logo.82b9c7a5.png
         - js/other-0e1f7a90.js
         - precache-manifest.4f1a0c3f1d2b5e6a7c8d9e0f1a2b3c4d.js",
    );
}

#[test]
fn rsbuild_and_rspack_names_are_found() {
    check_with_public(
        "+ static/js/index.9a33082388.js
         + static/js/async/3.1013bfbcd0.js
         + static/js/async/e.6a1a0bbcd8.js
         + static/css/index.eae3469912.css
         + static/css/async/3.45fe957747.css
         + static/css/async/e.76f8f3a20a.css
         + static/image/logo.1d09956edd.png
         + static/image/bg.6fecf91711.png
         + main.1f4c0d8e9b7a6352.js
         + vendors.77c0de8e9b7a61fd.js
         + main.b4d0c1e29f8a7063.css",
    );
}

#[test]
fn esbuild_angular_and_remix_names_are_found() {
    check_with_public(
        "+ main-JTDBO5HT.js
         + polyfills-5CFQRCPP.js
         + styles-RMY4KNVY.css
         + chunk-B-20xmMO.js
         + chunk-BQ63hJfk.js
         + chunk-N2IHZ6KD.js
         + media/inter-55WT6UWF.woff2
         + media/hero-NYIXXO5S.png
         - ngsw.json
         - ngsw-worker.js
         - safety-worker.js
         - worker-basic.min.js
         + build/entry.client-JEP3ZYRA.js
         + build/root-M23CDQYI.js
         + build/_shared/chunk-RHUUE6N5.js
         + build/_shared/chunk-WM5WOLA3.js
         - build/_shared/logo-OVERVIEW.svg",
    );
    check_with_public(
        "+ main.1a9bc0d2e3f45a67.js
         + runtime.77b0c0d2e3f45a61.js
         + polyfills.0c9bc0d2e3f45a60.js
         + styles.9f9bc0d2e3f45a6b.css
         + 123.5a9bc0d2e3f4ba67.js
         - 3rdpartylicenses.txt",
    );
}

#[test]
fn bun_names_are_found() {
    check_with_public(
        "+ index-7h1j3yye.js
         + index-69z7b1fj.css
         + index-vs93db59.js
         + about-63p5039p.js
         + logo-pxtyc9qp.png
         - icon-dribbble.svg
         - photo-summer24.jpg",
    );
}

#[test]
fn docusaurus_gridsome_and_storybook_names_are_found() {
    check_with_public(
        "+ assets/js/0058b4c6.f05bf458.js
         + assets/js/6.10a6ae58.js
         + assets/js/runtime~main.079d600d.js
         - assets/js/a7456010.js
         + assets/css/styles.84786b51.css
         + assets/images/hero-2cbb0763279e9aa985b9340b50eba8a4.png
         + assets/images/photo-e669ae9a49d0d010f4ad00063c1ac8ea.png
         - assets/images/logo.png",
    );
    check_with_public(
        "+ assets/js/app.c2bd0ef1.js
         + assets/js/page--src--pages--index-vue.7ad8ecf2.js
         + assets/css/0.styles.e17a5dd1.css
         + assets/static/photo.82c7b1f.e669ae9a49d0d010f4ad00063c1ac8ea.jpg
         + assets/static/other.82c7b1f.2cbb0763279e9aa985b9340b50eba8a4.jpg
         - assets/data/index.json",
    );
    check_with_public(
        "+ main.29c4e07b.iframe.bundle.js
         + runtime~main.8f9f9767.iframe.bundle.js
         + 210.0b3d1bd3.iframe.bundle.js
         - sb-addons/essentials-1/manager-bundle.js
         - project.json",
    );
}

#[test]
fn gatsby_names_are_found() {
    check_with_public(
        "+ app-0b2f8b6e3a1c9d7e5f40.js
         + framework-6c63f85700e5678d2c2a.js
         + webpack-runtime-b54f0b1d1a2fd3bd6d47.js
         + component---src-pages-index-js-4fd0a8d4b9b9e7c1d2a3.js
         + styles.2a1fe18ca34a9dece504.css
         + static/6d09be1f1bba0850b3e3d1e5be1e0faf/6ad16/photo.jpg
         + static/logo-6d09be1f1bba0850b3e3d1e5be1e0fae.svg
         + static/icon-e669ae9a49d0d010f4ad00063c1ac8ea.svg
         - static/logo.svg
         - page-data/index/page-data.json
         - page-data/app-data.json
         - page-data/sq/d/1635659820.json",
    );
}

#[test]
fn a_digest_of_the_source_path_is_refused() {
    check_with_public(
        "- _downloads/6d09be1f1bba0850b3e3d1e5be1e0faf/notes.txt
         - _images/graphviz-2a1fe18ca34a9dece5042a1fe18ca34a9dece504.png
         - processed_images/photo.1fe18ca34a9dece5.jpg
         - static/6d09be1f1bba0850b3e3d1e5be1e0faf/photo.jpg",
    );
}

#[test]
fn mdbook_names_are_found_in_its_own_directories() {
    let book = "+ book-609e4cb8.js
         + toc-8b5f8571.js
         + clipboard-1626706a.min.js
         + elasticlunr-ef4e11c1.min.js
         + highlight-493f70e1.css
         + favicon-de23e50b.svg
         + css/chrome-d279d366.css
         + fonts/open-sans-v17-all-charsets-300-7736aa35.woff2
         + theme/extra-15cfbd67.css
         - searcher-09f2665d.js
         - fonts/OPEN-SANS-LICENSE.txt
         - toc.html
         - hero.png";
    check_with_public(book);
    let in_a_folder: String = book.lines().map(|line| line.replacen("+ ", "+ docs/", 1) + "\n").collect();
    check_with_public(&format!("{in_a_folder}\n- docs/toc.html\n- docs/index.html"));
}

#[test]
fn look_alikes_in_a_directory_of_their_own_are_refused_beside_real_ones() {
    let planted = "
        - tools/a-4f9d02c7.js
        - tools/b-c9e3b7aa.js
        - tools/c-0fb2bb5f.css
        - players/a.4f9d02c7.js
        - players/b.c9e3b7aa.js
        - widgets/a-Xk29fLq1.js
        - widgets/b-pQ83mZ0d.js
        - static/single-Xk29fLq1.js
        - assets/lone.82b9c7a5.js
        - assets/js/vendor-4f9d02c7.js
        - assets/js/other-c9e3b7aa.js
        - vendor/pic.6ce24c58023cc2f8fd88.png";
    for real in [
        "+ index.0c1488b7.js
         + about.771eb8f2.js
         + index.fc8a6b27.css",
        "+ chunk-BQ63hJfk.js
         + chunk-N2IHZ6KD.js
         + main-JTDBO5HT.js",
        "+ book-609e4cb8.js
         + toc-8b5f8571.js
         + mark-09e88c2c.min.js",
        "+ main.1afee9236ab2ecdd8107.js
         + main.36415dfb690c80815475.css",
    ] {
        check_with_public(&format!("{real}{planted}"));
    }
}

#[test]
fn hugo_and_eleventy_names_are_found_wherever_they_are() {
    check_with_public(
        "+ css/main.min.b7e4425e14e8834eb22c1835d5783d200c5a1e949d75ab4cdf7e1ca4143bc296.css
         + js/legacy.44541f292f2cdcfcb646dd596db12771.js
         + img/hero_hu_170d9172b22f6a63.jpg
         + posts/first/pattern_hu_4f4c00018d3281c.png
         - img/hero.png
         - about_hu.png
         - index.xml",
    );
    check_with_public(
        "+ assets/app.8444d3b2a9.js
         + assets/site.29158bf1ef.css
         + img/EZ7wGxgnnr-80.jpeg
         + img/EZ7wGxgnnr-80.webp
         - img/dQw4w9WgXcQ-480.jpg
         - img/dQw4w9WgXcQ-800.jpg
         - inter.woff2",
    );
}

#[test]
fn rails_django_phoenix_and_ember_names_are_found() {
    check_with_public(
        "+ assets/application-8b441ae0.css
         + assets/application-c8b0ef35.js
         + assets/turbo.min-f309baaf.js
         + assets/controllers/hello_controller-549135e8.js
         + assets/controllers/index-2db729dd.js
         - assets/js/vendor-4f9d02c7.js
         + packs/js/application-9d1f0f2bd3a3ab21b2d5.js
         + packs/css/application-1d1f0f2bd3a3ab21b2d5.css
         + javascripts/all-d3ad65abeeca91582c42cfb7e0b90911cc27c06a2ee6ddc5665998bb3ae1a3d2.js
         - assets/.sprockets-manifest-44541f292f2cdcfcb646dd596db12771.json",
    );
    check_with_public(
        "+ static/css/base.27e20196a850.css
         - static/css/base.css
         + static/admin/js/core.7e257fdf56dc.js
         - static/admin/js/core.js
         + static/app/logo.6d09be1f1bba.svg
         - static/app/logo.svg
         - static/staticfiles.json",
    );
    check_with_public(
        "+ assets/app-44541f292f2cdcfcb646dd596db12771.js
         + assets/app-44541f292f2cdcfcb646dd596db12771.js.gz
         - assets/app.js
         - cache_manifest.json
         + assets/vendor-0a541f292f2cdcfcb646dd596db12771.css
         + assets/images/logo-1b541f292f2cdcfcb646dd596db12771.png",
    );
}

#[test]
fn mkdocs_material_qwik_workbox_and_expo_names_are_found() {
    check_with_public(
        "+ assets/javascripts/bundle.83f73b43.min.js
         + assets/javascripts/workers/search.6ce7567c.min.js
         + assets/stylesheets/main.484c7ddc.min.css
         - assets/javascripts/lunr/min/lunr.ar.min.js
         - search/search_index.json
         + build/q-BXqJ8r2L.js
         - build/q-manifest.json
         + workbox-d8ed3718.js
         - workbox-v6.5.4/workbox-sw.js
         + _expo/static/js/web/entry-44541f292f2cdcfcb646dd596db12771.js
         - main.dart.js
         - flutter_service_worker.js",
    );
}

#[test]
fn rust_frontends_are_found() {
    check_with_public(
        "+ app-5a9bc0d2e3f4ba67.js
         + app-5a9bc0d2e3f4ba67_bg.wasm
         + style-0c9bc0d2e3f45a60.css",
    );
    check_with_public(
        "+ pkg/example.ObpUCkRAUmRhWwRAFNzj2A.wasm
         + pkg/example.iA1-0Yc9XvTdN5i_mS3Qbw.js
         + pkg/example.EnJOTmRXcdUXhcWqD7gkGQ.css",
    );
}

#[test]
fn rustdoc_names_are_found() {
    check_with_public(
        "+ static.files/rustdoc-b7b9f40b.css
         + static.files/main-ce535bd0.js
         + static.files/settings-9bb858ba049f1f21.css
         + static.files/storage-4e99c027.js
         + static.files/SourceSerif4-Regular-6b053e98.ttf.woff2
         + static.files/favicon-32x32-eab170b8.png
         - static.files/COPYRIGHT-7fb11f4e.txt
         - search-index.js
         - src-files.js
         - crates.js",
    );
}

#[test]
fn camel_cased_modules_are_refused_however_many_there_are() {
    check(
        "- svg/SVGListBase.js
         - svg/SVGTests.js
         - svg/SVGNumbr.js
         - svg/DOMTypes.js
         - svg/HTMLBase.js
         - css/CSSStyle.js
         - js/WebGLApp.js",
    );
}

#[test]
fn galleries_and_ids_are_refused_however_many_there_are() {
    check(
        "- thumbs/dQw4w9WgXcQ.jpg
         - videos/dQw4w9WgXcQ.mp4
         - videos/9bZkp7q19f0.mp4
         - videos/kJQP7kiw5Fk.mp4
         - media/507f1f77bcf86cd799439011.jpg
         - media/507f191e810c19729de860ea.jpg
         - media/54495ad94c934721ede76d90.jpg
         - colors/swatch-3b82f6.svg
         - colors/swatch-0ea5e9.svg
         - colors/theme-3b82f6.css
         - colors/theme-0ea5e9.css
         - colors/theme-10b981.css
         - photos/DSC00012.jpg
         - photos/DSC00013.jpg
         - photos/P1010001.jpg
         - photos/PXL_20240101_123456789.jpg
         - uploads/d41d8cd98f00b204e9800998ecf8427e.png
         - uploads/photo-d41d8cd98f00b204e9800998ecf8427e.png
         - wp-content/uploads/2024/01/logo-1a2f3c4d.png",
    );
}

#[test]
fn what_people_write_is_refused_even_among_hashed_names() {
    check(
        "+ assets/index.4f9d02c7.js
         + assets/about.c9e3b7aa.js
         + assets/style.0fb2bb5f.css
         + assets/logo.82b9c7a5.png
         + assets/reset.f81c1134.css
         - assets/report.20240115.js
         - assets/app.deadbeef.js
         - assets/app.cafebabe.js
         - assets/app.12345678.js
         - assets/app.abcd1234.js
         - assets/app.1a2b3c4d.js
         - assets/app.00000000.js
         - assets/app.1700000000.js
         - assets/app-4f9d02c7.js
         - assets/app.production.js
         - assets/jquery-3.7.1.min.js
         - assets/jquery-latest.js
         - assets/bootstrap.bundle.min.js
         - assets/facade.js
         - assets/decade.css
         - assets/hero-1920x1080.jpg
         - assets/app.2024-01-15.js
         - assets/inter-latin-ext-400-normal.woff2
         - assets/messages.en-US.json
         - assets/sw.4f9d02c7.js
         - assets/service-worker.c9e3b7aa.js
         - assets/manifest.c9e3b7aa.json
         - assets/page.c9e3b7aa.html
         - assets/index.4f9d02c7.js.map
         - assets/feed.c9e3b7aa.xml
         - assets/LICENSE.c9e3b7aa.txt
         - .well-known/app.c9e3b7aa.json",
    );
}

#[test]
fn a_lone_bundle_may_be_hashed_and_a_lone_picture_is_not_taken_for_it() {
    let naming = |path: &str| classify(["index.html", path])[1].naming;
    for lone in ["main.9f20df48.js", "js/main.9f20df48.js", "index.c83b17e4.css"] {
        assert_eq!(naming(lone), Naming::HashLike, "{lone}");
    }
    assert_eq!(naming("photo.9f20df48.png"), Naming::Lasting);
    assert_eq!(naming("main.js"), Naming::Lasting);
}

#[test]
fn a_verdict_explains_itself() {
    let reason = |path: &str| classify(["assets/index-DYJeH9Fh.js", path])[1].reason;
    assert_eq!(reason("assets/index-DYJeH9Fh.js.map"), "a source map");
    assert_eq!(reason("index.html"), "a page");
    assert_eq!(reason("CNAME"), "a name without an ending");
    assert_eq!(reason("js/app.js"), "no hash in the name");
    assert_eq!(reason("sw.js"), "a service worker");
    assert_eq!(reason("js/vendor-4f9d02c7.js"), "a name like a hashed one, without others like it");
}

/// Names as sites have them: any mix of labels, hashes, separators, directories and extensions.
fn path() -> impl Strategy<Value = String> {
    let directory =
        prop::sample::select(vec!["", "assets/", "js/", "_next/static/chunks/", "static/css/", "img/"]);
    let extension = prop::sample::select(vec!["js", "css", "png", "html", "js.map", "json", "txt", "xml"]);
    (directory, "[a-z]{0,6}", "[-._]?", "([0-9a-f]{8}|[0-9A-Za-z_-]{8}|[0-9a-f]{20})", extension).prop_map(
        |(directory, label, separator, hash, extension)| {
            format!("{directory}{label}{separator}{hash}.{extension}")
        },
    )
}

proptest! {
    #[test]
    fn the_order_of_the_keys_never_matters(paths in prop::collection::vec(path(), 1..30)) {
        let forward = classify(paths.iter().map(String::as_str));
        let mut backward = classify(paths.iter().rev().map(String::as_str));
        backward.reverse();
        prop_assert_eq!(forward, backward);
    }

    #[test]
    fn pages_maps_and_texts_are_never_fingerprinted(paths in prop::collection::vec(path(), 1..30)) {
        let verdicts = classify(paths.iter().map(String::as_str));
        for (path, verdict) in paths.iter().zip(verdicts) {
            if ["html", "map", "txt", "xml"].iter().any(|ending| path.ends_with(ending)) {
                prop_assert!(!verdict.is_fingerprinted(), "{}", path);
            }
        }
    }

    #[test]
    fn a_service_worker_is_never_fingerprinted(hash in "[0-9A-Za-z]{8}", separator in "[-._]") {
        for name in ["sw", "service-worker", "serviceWorker", "firebase-messaging-sw", "ngsw-worker"] {
            let paths = [1, 2, 3].map(|n| format!("assets/{name}{separator}{hash}{n}.js"));
            let verdicts = classify(paths.iter().map(String::as_str));
            prop_assert!(verdicts.iter().all(|verdict| !verdict.is_fingerprinted()));
        }
    }

    #[test]
    fn any_name_gets_a_verdict(path in "\\PC{1,40}") {
        let verdicts = classify([path.as_str()]);
        prop_assert!(!verdicts[0].reason.is_empty());
    }
}
