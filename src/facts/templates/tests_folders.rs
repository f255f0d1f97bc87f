//! Lists of paths of folders, buckets and WebDAV with the templates a person would draw.

use super::tests::check;

/// A tree of files begins behind the identifier that it belongs to, and what stands beside it stays.
#[test]
fn trees_of_files_behind_identifiers() {
    check(
        "GET /repos/7/src/README.md -> /repos/{id}/src/{file}
         GET /repos/7/src/src/main.go -> /repos/{id}/src/{file}
         GET /repos/9/src/src/server/http.go -> /repos/{id}/src/{file}
         PUT /repos/9/src/docs/setup.md -> /repos/{id}/src/{file}
         GET /repos/12/src/Makefile -> /repos/{id}/src/{file}
         GET /repos/12/src/web/src/components/Login.vue -> /repos/{id}/src/{file}
         GET /repos/7/commits -> /repos/{id}/commits
         GET /repos/12/commits -> /repos/{id}/commits
         GET /repos/9 -> /repos/{id}
         GET /repos -> /repos",
    );
}

/// What is asked for as folders are is a tree, written to or not; calendars are all of one depth.
#[test]
fn folders_of_webdav() {
    check(
        "PROPFIND /dav/Finance -> /dav/{file}
         PROPFIND /dav/Finance/plan.xlsx -> /dav/{file}
         PUT /dav/Finance/plan.xlsx -> /dav/{file}
         PROPFIND /dav/Projects/Alpha -> /dav/{file}
         LOCK /dav/Projects/Alpha/notes.docx -> /dav/{file}
         GET /dav/Projects/Alpha/notes.docx -> /dav/{file}
         MKCOL /dav/Legal -> /dav/{file}
         MOVE /dav/Legal/Contracts/2024/lease.pdf -> /dav/{file}
         GET /dav/Legal/readme.txt -> /dav/{file}
         GET /dav/HR/list.txt -> /dav/{file}
         PROPFIND /dav -> /dav
         GET /status -> /status",
    );
    check(
        "PROPFIND /calendars/7/personal -> /calendars/{id}/{id}
         PROPFIND /calendars/7/work -> /calendars/{id}/{id}
         PUT /calendars/7/work/8E4BB541-200A-462D-A7B4-C80C05AA1434.ics -> /calendars/{id}/{id}/{id}.ics
         PROPFIND /calendars/9/team-events -> /calendars/{id}/{id}
         GET /calendars/9/team-events/0F4BB541-200A-462D-A7B4-C80C05AA1434.ics -> /calendars/{id}/{id}/{id}.ics
         GET /calendars/9/personal/1A4BB541-200A-462D-A7B4-C80C05AA1434.ics -> /calendars/{id}/{id}/{id}.ics",
    );
}

/// Several places where objects are kept are one parameter, at the root too.
#[test]
fn buckets_are_values() {
    let mut lines = String::new();
    for bucket in ["media-prod", "db-backups", "shared-docs"] {
        for key in [
            "a/plan.pdf",
            "b/c/notes.txt",
            "b/c/d/photo.jpg",
            "top.csv",
            "a/img_0001.jpg",
            "a/img_0002.jpg",
        ] {
            for method in ["GET", "PUT", "HEAD"] {
                let key = format!("{}{key}", bucket.get(..1).unwrap());
                lines.push_str(&format!("{method} /{bucket}/{key} -> /{{id}}/{{file}}\n"));
            }
        }
        lines.push_str(&format!("GET /{bucket} -> /{{id}}\n"));
    }
    lines.push_str("GET /health/live -> /health/live\nGET / -> /");
    check(&lines);
    // What is written in fields of their own and has something below it is no place of objects.
    check(
        "GET /api/projects/alpha/files/a.pdf -> /api/projects/{id}/files/{id}
         PUT /api/projects/alpha/files/a.pdf -> /api/projects/{id}/files/{id}
         GET /api/projects/alpha/issues/7 -> /api/projects/{id}/issues/{id}
         PUT /api/projects/alpha/issues/7 -> /api/projects/{id}/issues/{id}
         PUT /api/projects/alpha/issues/7/close -> /api/projects/{id}/issues/{id}/close
         GET /api/projects/beta-web/issues/8 -> /api/projects/{id}/issues/{id}
         PUT /api/projects/beta-web/issues/9 -> /api/projects/{id}/issues/{id}
         GET /api/projects/beta-web/files/b.pdf -> /api/projects/{id}/files/{id}
         PUT /api/projects/beta-web/files/c.pdf -> /api/projects/{id}/files/{id}",
    );
}

/// All behind a script that hands out files is their path.
#[test]
fn files_that_a_script_hands_out() {
    check(
        "GET /pluginfile.php/20/mod_resource/content/1/a.pdf -> /pluginfile.php/{file}
         GET /pluginfile.php/21/mod_forum/attachment/7/b.png -> /pluginfile.php/{file}
         GET /pluginfile.php/22/user/icon/0/c.png -> /pluginfile.php/{file}
         GET /pluginfile.php/20/course/overviewfiles/d.docx -> /pluginfile.php/{file}
         GET /pluginfile.php/25/mod_assign/introattachment/0/e.pdf -> /pluginfile.php/{file}
         GET /course/view.php -> /course/view.php",
    );
}
