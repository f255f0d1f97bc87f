fn main() {
    let mut a = std::env::args().skip(1);
    let case = std::path::PathBuf::from(a.next().unwrap());
    let files: Vec<_> = a.map(std::path::PathBuf::from).collect();
    let load = (!files.is_empty()).then(|| leaktrace::load::LoadOptions {
        files,
        case: case.clone(),
        ..Default::default()
    });
    if std::env::var("LT_HEADLESS").is_ok() {
        let p = leaktrace::load::Progress::default();
        println!("{:?}", leaktrace::load::run(&load.unwrap(), &p));
        return;
    }
    let o = leaktrace::ui::UiOptions {
        case,
        load,
        theme: std::env::var("LT_THEME").ok(),
        ..Default::default()
    };
    match leaktrace::ui::run(&o) {
        Ok(c) => std::process::exit(c),
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(4)
        }
    }
}
